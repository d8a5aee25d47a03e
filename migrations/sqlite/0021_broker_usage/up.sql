-- Calls of services, and what each buyer has had for nothing.

-- A row is written before the call, and completed after it.
CREATE TABLE usage_records (
    id             BLOB PRIMARY KEY CHECK (length(id) = 16),
    service_id     BLOB NOT NULL REFERENCES services (id),
    buyer_id       BLOB NOT NULL REFERENCES owners (id),
    provider_id    BLOB NOT NULL REFERENCES owners (id),
    -- Micro-USDC, if it is delivered. It is held in the ledger under the same id; nothing for a free call.
    price          INTEGER NOT NULL CHECK (price >= 0),
    is_free        INTEGER NOT NULL CHECK (is_free IN (0, 1)),
    payment_method TEXT NOT NULL,
    -- What the house takes of it, in parts per million, as it was when the call was made.
    commission_ppm INTEGER NOT NULL CHECK (commission_ppm BETWEEN 0 AND 1000000),
    -- How the buyer calls the request, if it does.
    request_id     TEXT,
    -- The idempotency key that a repeat is known by, to be answered when this call ends.
    claim_scope    TEXT,
    claim_key      TEXT,
    created_at     INTEGER NOT NULL,
    -- When its hold ends: a call that has not ended by then has failed.
    expires_at     INTEGER NOT NULL,
    finished_at    INTEGER,
    -- Whether the provider answered, whole and with less than 500.
    delivered      INTEGER CHECK (delivered IN (0, 1)),
    -- The provider's, or ours when there was none.
    status_code    INTEGER,
    latency_ms     INTEGER,
    -- What was charged.
    amount         INTEGER CHECK (amount BETWEEN 0 AND price),
    error          TEXT,
    CHECK ((finished_at IS NULL) = (delivered IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_by_buyer ON usage_records (buyer_id, created_at, id);
CREATE INDEX usage_by_provider ON usage_records (provider_id, created_at, id);
CREATE INDEX usage_by_service ON usage_records (service_id, created_at, id);
CREATE INDEX usage_by_end ON usage_records (finished_at, delivered, service_id, latency_ms);
CREATE INDEX usage_running ON usage_records (expires_at) WHERE finished_at IS NULL;

-- Free calls that were delivered or are being made.
CREATE TABLE free_calls (
    service_id BLOB NOT NULL REFERENCES services (id),
    buyer_id   BLOB NOT NULL REFERENCES owners (id),
    taken      INTEGER NOT NULL CHECK (taken >= 0),
    PRIMARY KEY (service_id, buyer_id)
) STRICT, WITHOUT ROWID;
