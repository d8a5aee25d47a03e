-- Calls of services, and what each buyer has had for nothing.

-- A row is written before the call, and completed after it.
CREATE TABLE usage_records (
    id             uuid PRIMARY KEY,
    service_id     uuid NOT NULL REFERENCES services (id),
    buyer_id       uuid NOT NULL REFERENCES owners (id),
    provider_id    uuid NOT NULL REFERENCES owners (id),
    -- Micro-USDC, if it is delivered. It is held in the ledger under the same id; nothing for a free call.
    price          bigint NOT NULL CHECK (price >= 0),
    is_free        boolean NOT NULL,
    payment_method text NOT NULL,
    -- What the house takes of it, in parts per million, as it was when the call was made.
    commission_ppm integer NOT NULL CHECK (commission_ppm BETWEEN 0 AND 1000000),
    -- How the buyer calls the request, if it does.
    request_id     text,
    -- The idempotency key that a repeat is known by, to be answered when this call ends.
    claim_scope    text,
    claim_key      text,
    created_at     timestamptz NOT NULL,
    -- When its hold ends: a call that has not ended by then has failed.
    expires_at     timestamptz NOT NULL,
    finished_at    timestamptz,
    -- Whether the provider answered, whole and with less than 500.
    delivered      boolean,
    -- The provider's, or ours when there was none.
    status_code    integer,
    latency_ms     bigint,
    -- What was charged.
    amount         bigint CHECK (amount BETWEEN 0 AND price),
    error          text,
    CHECK ((finished_at IS NULL) = (delivered IS NULL))
);
CREATE INDEX usage_by_buyer ON usage_records (buyer_id, created_at, id);
CREATE INDEX usage_by_provider ON usage_records (provider_id, created_at, id);
CREATE INDEX usage_by_service ON usage_records (service_id, created_at, id);
CREATE INDEX usage_by_end ON usage_records (finished_at, delivered, service_id, latency_ms);
CREATE INDEX usage_running ON usage_records (expires_at) WHERE finished_at IS NULL;

-- Free calls that were delivered or are being made.
CREATE TABLE free_calls (
    service_id uuid NOT NULL REFERENCES services (id),
    buyer_id   uuid NOT NULL REFERENCES owners (id),
    taken      bigint NOT NULL CHECK (taken >= 0),
    PRIMARY KEY (service_id, buyer_id)
);
