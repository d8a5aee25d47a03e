-- Payments by x402 of which nobody could say what became of them: an administrator says it.

-- Whether a facilitator has said that the money came, in the transaction that stands beside it. Only the books lack it then.
ALTER TABLE x402_payments ADD COLUMN is_paid INTEGER NOT NULL DEFAULT 0 CHECK (is_paid IN (0, 1));
-- The call of an unclear payment stays open from now on. Those that are unclear already were ended as not paid.
UPDATE x402_payments SET state = 'failed' WHERE state = 'unclear';
CREATE INDEX x402_payments_unclear ON x402_payments (usage_id) WHERE state = 'unclear';

-- Who decided what became of a payment, and when. What it was stands beside the payment.
CREATE TABLE x402_resolutions (
    usage_id    BLOB NOT NULL PRIMARY KEY REFERENCES x402_payments (usage_id),
    resolved_by BLOB NOT NULL REFERENCES owners (id),
    resolved_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
