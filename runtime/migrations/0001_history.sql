-- One dialect for SQLite and PostgreSQL. Columns and units: docs/history.md.
CREATE TABLE jobs (
    job TEXT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    task TEXT NOT NULL,
    mode TEXT NOT NULL,
    shape TEXT,
    outcome TEXT NOT NULL,
    message TEXT,
    hint TEXT,
    model TEXT,
    host TEXT,
    prompt_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    queue_ms DOUBLE PRECISION NOT NULL,
    load_ms DOUBLE PRECISION NOT NULL,
    first_token_ms DOUBLE PRECISION NOT NULL,
    total_ms DOUBLE PRECISION NOT NULL,
    predicted_ms DOUBLE PRECISION NOT NULL,
    prompt TEXT,
    answer TEXT
);

CREATE INDEX jobs_at ON jobs (at_ms, job);
CREATE INDEX jobs_model ON jobs (model, at_ms, job);
CREATE INDEX jobs_host ON jobs (host, at_ms, job);
CREATE INDEX jobs_task ON jobs (task, at_ms, job);
CREATE INDEX jobs_outcome ON jobs (outcome, at_ms, job);

CREATE TABLE decisions (
    job TEXT PRIMARY KEY REFERENCES jobs (job) ON DELETE CASCADE,
    detail TEXT NOT NULL
);

CREATE TABLE attempts (
    job TEXT NOT NULL REFERENCES jobs (job) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    host TEXT NOT NULL,
    model TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    ms DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (job, number)
);

CREATE TABLE ratings (
    id BIGINT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    job TEXT NOT NULL,
    model TEXT NOT NULL,
    task TEXT NOT NULL,
    score DOUBLE PRECISION NOT NULL
);

CREATE TABLE learned (
    name TEXT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    version BIGINT NOT NULL,
    ratings_seen BIGINT NOT NULL,
    state TEXT NOT NULL
);
