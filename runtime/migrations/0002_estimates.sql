-- What was learned, a row for each host, model on a host, shape and so on. Columns and units: docs/history.md.
-- The row of `learned` is taken apart by the program when it first writes; what is left of it says which ratings it includes.
CREATE TABLE estimates (
    version BIGINT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    updated_ms BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    writer TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (version, subject)
);

CREATE INDEX estimates_updated ON estimates (kind, updated_ms);
