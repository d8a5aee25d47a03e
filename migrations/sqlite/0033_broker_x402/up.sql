-- Payments of calls by x402: what buyers have signed, each for one call.

-- What the payment of a call is called where it was made. NULL: it was paid from a balance, or not at all.
ALTER TABLE usage_records ADD COLUMN payment_tx TEXT;

CREATE TABLE x402_payments (
    -- The call that it pays for.
    usage_id        BLOB PRIMARY KEY REFERENCES usage_records (id),
    -- Whose authorization it is, of which token on which chain, and its number: what can be used once. Addresses in lower case.
    chain_id        INTEGER NOT NULL CHECK (chain_id > 0),
    asset           TEXT NOT NULL CHECK (length(asset) = 42),
    payer           TEXT NOT NULL CHECK (length(payer) = 42),
    nonce           TEXT NOT NULL CHECK (length(nonce) = 66),
    -- Micro-USDC.
    amount          INTEGER NOT NULL CHECK (amount > 0),
    x402_version    INTEGER NOT NULL CHECK (x402_version IN (1, 2)),
    -- What a facilitator is asked to settle.
    request         TEXT NOT NULL CHECK (json_valid(request)),
    -- reserved: the call is being made. settling: it was delivered, and the facilitator is asked for the money. unclear: nobody
    -- can say any more whether the money has come.
    state           TEXT NOT NULL CHECK (state IN ('reserved', 'settling', 'settled', 'failed', 'unclear')),
    -- Whether a facilitator may have been asked to settle it.
    is_asked        INTEGER NOT NULL CHECK (is_asked IN (0, 1)),
    -- Whether it was taken while nobody settled payments: only then does it count as settled without anybody.
    is_local        INTEGER NOT NULL CHECK (is_local IN (0, 1)),
    -- How the call ends when it is paid.
    outcome         TEXT CHECK (json_valid(outcome)),
    transaction_id  TEXT CHECK (state <> 'settled' OR transaction_id IS NOT NULL),
    failure         TEXT,
    attempts        INTEGER NOT NULL CHECK (attempts >= 0),
    -- When the facilitator is asked again, and until when at most.
    next_attempt_at INTEGER CHECK ((next_attempt_at IS NOT NULL) = (state = 'settling')),
    give_up_at      INTEGER,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    UNIQUE (chain_id, asset, payer, nonce),
    CHECK (state <> 'settling' OR (outcome IS NOT NULL AND give_up_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX x402_payments_settling ON x402_payments (next_attempt_at, usage_id) WHERE state = 'settling';
-- How many payments of one payer are being used.
CREATE INDEX x402_payments_open ON x402_payments (payer) WHERE state IN ('reserved', 'settling');
