-- What every domain leans on: the outbox, idempotency keys, background jobs.

-- Facts, written in the transaction that made them true. `seq` rises, but not in the order of commit: a reader has to
-- keep behind the oldest open transaction.
CREATE TABLE outbox (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          uuid NOT NULL UNIQUE,
    kind        text NOT NULL,
    subject_id  uuid NOT NULL,
    owner_id    uuid,
    data        jsonb NOT NULL,
    occurred_at timestamptz NOT NULL
);
CREATE INDEX outbox_occurred_at ON outbox (occurred_at);

CREATE TABLE idempotency_keys (
    -- SHA-256 of whose key it is and for which operation: a path may be longer than an index can hold.
    scope_digest bytea NOT NULL CHECK (octet_length(scope_digest) = 32),
    key          text NOT NULL,
    fingerprint  bytea NOT NULL,
    status       integer,
    response     text,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (scope_digest, key)
);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);

CREATE TABLE jobs (
    id           uuid PRIMARY KEY,
    name         text NOT NULL,
    -- At most one unfinished job with the same key; NULL for as many as are enqueued.
    unique_key   text,
    payload      jsonb NOT NULL,
    state        text NOT NULL CHECK (state IN ('queued', 'leased', 'dead')),
    -- How often it was started. It never falls while the job is leased.
    attempts     integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- When it may be run next; of a leased job, when the lease ends. One index serves both.
    run_at       timestamptz NOT NULL,
    -- Which lease a worker has to show to settle it.
    lease_id     uuid,
    last_error   text,
    created_at   timestamptz NOT NULL,
    CHECK ((state = 'leased') = (lease_id IS NOT NULL))
);
CREATE INDEX jobs_due ON jobs (run_at) WHERE state <> 'dead';
CREATE INDEX jobs_dead ON jobs (created_at) WHERE state = 'dead';
CREATE UNIQUE INDEX jobs_unique_key ON jobs (unique_key) WHERE unique_key IS NOT NULL AND state <> 'dead';
