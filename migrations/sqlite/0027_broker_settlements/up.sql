-- What providers are owed and paid for the calls of their services, and what the house takes of it.

CREATE TABLE settlements (
    id            BLOB PRIMARY KEY CHECK (length(id) = 16),
    provider_id   BLOB NOT NULL REFERENCES owners (id),
    -- What the provider is called: it never changes.
    provider      TEXT NOT NULL,
    -- Calls that ended from the start on and before the end.
    period_start  INTEGER NOT NULL,
    period_end    INTEGER NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('pending', 'processing', 'completed', 'failed')),
    -- Micro-USDC: what the calls cost, and what the house takes of that.
    gross         INTEGER NOT NULL CHECK (gross >= 0),
    commission    INTEGER NOT NULL CHECK (commission BETWEEN 0 AND gross),
    call_count    INTEGER NOT NULL CHECK (call_count >= 0),
    -- What the payment is called where it was made.
    payment_tx    TEXT CHECK ((payment_tx IS NOT NULL) = (state = 'completed')),
    -- Why it failed.
    failure       TEXT CHECK ((failure IS NOT NULL) = (state = 'failed')),
    -- Whether a failed one still has calls to let go of.
    is_releasing  INTEGER NOT NULL CHECK (is_releasing IN (0, 1) AND (is_releasing = 0 OR state = 'failed')),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    CHECK (period_start < period_end)
) STRICT, WITHOUT ROWID;
CREATE INDEX settlements_by_end ON settlements (period_end, id);
CREATE INDEX settlements_by_state ON settlements (state, period_end, id);
CREATE INDEX settlements_by_provider ON settlements (provider_id, period_end, id);
CREATE INDEX settlements_releasing ON settlements (id) WHERE is_releasing;

-- The one settlement that a call is part of.
ALTER TABLE usage_records ADD COLUMN settlement_id BLOB REFERENCES settlements (id);
CREATE INDEX usage_unsettled ON usage_records (provider_id, finished_at, id) WHERE delivered AND settlement_id IS NULL;
CREATE INDEX usage_by_settlement ON usage_records (settlement_id) WHERE settlement_id IS NOT NULL;

-- What decides the commission of a provider's calls, so that a call need not look for it.
CREATE TABLE commission_terms (
    owner_id      BLOB PRIMARY KEY REFERENCES owners (id),
    -- When its first service was registered.
    registered_at INTEGER NOT NULL,
    -- Whether it is one of the first providers.
    is_founding   INTEGER NOT NULL CHECK (is_founding IN (0, 1)),
    -- Micro-USDC: the gross of its settlements that were paid.
    settled       INTEGER NOT NULL CHECK (settled >= 0),
    quality       TEXT NOT NULL CHECK (quality IN ('standard', 'good', 'excellent'))
) STRICT, WITHOUT ROWID;
