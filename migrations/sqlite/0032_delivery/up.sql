-- Webhooks: who is told of what, and every telling.

CREATE TABLE webhooks (
    id         BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    owner_id   BLOB NOT NULL REFERENCES owners (id),
    url        TEXT NOT NULL CONSTRAINT webhooks_url CHECK (length(url) <= 2048),
    events     TEXT NOT NULL CHECK (json_valid(events)),
    active     INTEGER NOT NULL CHECK (active IN (0, 1)),
    -- It is told of events behind this number of the outbox.
    since_seq  INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- Of a deleted one a job removes what is left.
    deleted_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_owner ON webhooks (owner_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX webhooks_live ON webhooks (since_seq) WHERE active AND deleted_at IS NULL;
CREATE INDEX webhooks_deleted ON webhooks (deleted_at) WHERE deleted_at IS NOT NULL;

-- What signs the events, encrypted. After a change the one before signs beside it for a while.
CREATE TABLE webhook_secrets (
    webhook_id BLOB NOT NULL REFERENCES webhooks (id),
    id         BLOB NOT NULL,
    key_id     TEXT NOT NULL,
    nonce      BLOB NOT NULL,
    ciphertext BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    -- NULL for the one in force.
    expires_at INTEGER,
    PRIMARY KEY (webhook_id, id)
) STRICT, WITHOUT ROWID;

-- One row a webhook: its queue, which one worker at a time may serve.
CREATE TABLE webhook_lanes (
    webhook_id BLOB NOT NULL PRIMARY KEY REFERENCES webhooks (id),
    owner_id   BLOB NOT NULL REFERENCES owners (id),
    -- When it has to be served next; of a leased one, when the lease ends; NULL when nothing waits in it.
    due_at     INTEGER,
    lease_id   BLOB,
    CONSTRAINT webhook_lanes_leased CHECK (lease_id IS NULL OR due_at IS NOT NULL)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_lanes_due ON webhook_lanes (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_lanes_lease ON webhook_lanes (lease_id) WHERE lease_id IS NOT NULL;

-- One event on its way to one webhook.
CREATE TABLE webhook_deliveries (
    -- The order in which they were queued.
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          BLOB NOT NULL CONSTRAINT webhook_deliveries_id UNIQUE,
    webhook_id  BLOB NOT NULL REFERENCES webhooks (id),
    -- The event's number in the outbox; NULL for a test.
    event_seq   INTEGER,
    event       TEXT NOT NULL,
    -- What it happened to: of one subject, one is sent after another.
    subject_id  BLOB NOT NULL,
    -- The very bytes that are signed and sent.
    body        TEXT NOT NULL,
    status      TEXT NOT NULL CONSTRAINT webhook_deliveries_status CHECK (status IN ('pending', 'delivered', 'dead', 'cancelled')),
    -- How often it was sent in all, and since it was last queued.
    attempts    INTEGER NOT NULL CONSTRAINT webhook_deliveries_attempts CHECK (attempts >= 0),
    tries       INTEGER NOT NULL CONSTRAINT webhook_deliveries_tries CHECK (tries >= 0),
    -- When a pending one may be sent.
    due_at      INTEGER,
    created_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    last_status INTEGER,
    last_error  TEXT,
    CONSTRAINT webhook_deliveries_due CHECK ((due_at IS NOT NULL) = (status = 'pending')),
    CONSTRAINT webhook_deliveries_ended CHECK ((ended_at IS NULL) = (status = 'pending'))
) STRICT;
CREATE UNIQUE INDEX webhook_deliveries_event ON webhook_deliveries (webhook_id, event_seq);
CREATE INDEX webhook_deliveries_log ON webhook_deliveries (webhook_id, seq);
CREATE INDEX webhook_deliveries_by_status ON webhook_deliveries (webhook_id, status, seq);
CREATE INDEX webhook_deliveries_queue ON webhook_deliveries (webhook_id, seq) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_old ON webhook_deliveries (ended_at) WHERE ended_at IS NOT NULL;

-- Every time that a delivery was sent.
CREATE TABLE webhook_attempts (
    delivery_seq INTEGER NOT NULL REFERENCES webhook_deliveries (seq) ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    duration_ms  INTEGER NOT NULL,
    status_code  INTEGER,
    error        TEXT,
    PRIMARY KEY (delivery_seq, number)
) STRICT, WITHOUT ROWID;

-- How far the outbox was read: all that webhooks are told of up to here is queued.
CREATE TABLE webhook_cursor (
    id  INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL
) STRICT;
INSERT INTO webhook_cursor (id, seq) VALUES (1, 0);
