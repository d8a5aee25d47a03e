-- What providers are owed and paid for the calls of their services, and what the house takes of it.

CREATE TABLE settlements (
    id            uuid PRIMARY KEY,
    provider_id   uuid NOT NULL REFERENCES owners (id),
    -- What the provider is called: it never changes.
    provider      text NOT NULL,
    -- Calls that ended from the start on and before the end.
    period_start  timestamptz NOT NULL,
    period_end    timestamptz NOT NULL,
    state         text NOT NULL CHECK (state IN ('pending', 'processing', 'completed', 'failed')),
    -- Micro-USDC: what the calls cost, and what the house takes of that.
    gross         bigint NOT NULL CHECK (gross >= 0),
    commission    bigint NOT NULL CHECK (commission BETWEEN 0 AND gross),
    call_count    bigint NOT NULL CHECK (call_count >= 0),
    -- What the payment is called where it was made.
    payment_tx    text CHECK ((payment_tx IS NOT NULL) = (state = 'completed')),
    -- Why it failed.
    failure       text CHECK ((failure IS NOT NULL) = (state = 'failed')),
    -- Whether a failed one still has calls to let go of.
    is_releasing  boolean NOT NULL CHECK (NOT is_releasing OR state = 'failed'),
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    CHECK (period_start < period_end)
);
CREATE INDEX settlements_by_end ON settlements (period_end, id);
CREATE INDEX settlements_by_state ON settlements (state, period_end, id);
CREATE INDEX settlements_by_provider ON settlements (provider_id, period_end, id);
CREATE INDEX settlements_releasing ON settlements (id) WHERE is_releasing;

-- The one settlement that a call is part of.
ALTER TABLE usage_records ADD COLUMN settlement_id uuid REFERENCES settlements (id);
CREATE INDEX usage_unsettled ON usage_records (provider_id, finished_at, id) WHERE delivered AND settlement_id IS NULL;
CREATE INDEX usage_by_settlement ON usage_records (settlement_id) WHERE settlement_id IS NOT NULL;

-- What decides the commission of a provider's calls, so that a call need not look for it.
CREATE TABLE commission_terms (
    owner_id      uuid PRIMARY KEY REFERENCES owners (id),
    -- When its first service was registered.
    registered_at timestamptz NOT NULL,
    -- Whether it is one of the first providers.
    is_founding   boolean NOT NULL,
    -- Micro-USDC: the gross of its settlements that were paid.
    settled       bigint NOT NULL CHECK (settled >= 0),
    quality       text NOT NULL CHECK (quality IN ('standard', 'good', 'excellent'))
);
