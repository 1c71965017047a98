-- What was done about models and hosts by itself, or would have been in a dry run. Columns and units: docs/history.md.
CREATE TABLE actions (
    name TEXT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    action TEXT NOT NULL,
    host TEXT NOT NULL,
    model TEXT,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    gb DOUBLE PRECISION NOT NULL,
    ms DOUBLE PRECISION NOT NULL
);

CREATE INDEX actions_at ON actions (at_ms, name);
