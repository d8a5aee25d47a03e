-- What every domain leans on: the outbox, idempotency keys, background jobs.

-- Facts, written in the transaction that made them true. `seq` is the order of commit: SQLite has one writer.
CREATE TABLE outbox (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          BLOB NOT NULL UNIQUE,
    kind        TEXT NOT NULL,
    subject_id  BLOB NOT NULL,
    owner_id    BLOB,
    data        TEXT NOT NULL,
    occurred_at INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_occurred_at ON outbox (occurred_at);

CREATE TABLE idempotency_keys (
    -- SHA-256 of whose key it is and for which operation: a path may be longer than an index can hold.
    scope_digest BLOB NOT NULL CHECK (length(scope_digest) = 32),
    key          TEXT NOT NULL,
    fingerprint  BLOB NOT NULL,
    status       INTEGER,
    response     TEXT,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (scope_digest, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

CREATE TABLE jobs (
    id           BLOB PRIMARY KEY NOT NULL,
    name         TEXT NOT NULL,
    -- At most one unfinished job with the same key; NULL for as many as are enqueued.
    unique_key   TEXT,
    payload      TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('queued', 'leased', 'dead')),
    -- How often it was started. It never falls while the job is leased.
    attempts     INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- When it may be run next; of a leased job, when the lease ends. One index serves both.
    run_at       INTEGER NOT NULL,
    -- Which lease a worker has to show to settle it.
    lease_id     BLOB,
    last_error   TEXT,
    created_at   INTEGER NOT NULL,
    CHECK ((state = 'leased') = (lease_id IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_due ON jobs (run_at) WHERE state <> 'dead';
CREATE INDEX jobs_dead ON jobs (created_at) WHERE state = 'dead';
CREATE UNIQUE INDEX jobs_unique_key ON jobs (unique_key) WHERE unique_key IS NOT NULL AND state <> 'dead';
