-- What an administrator looks at: payments of which nobody can say what became of them, and those whose money has come and is not in
-- the books.
DROP INDEX x402_payments_unclear;
CREATE INDEX x402_payments_unclear ON x402_payments (usage_id) WHERE (state = 'unclear' OR (state = 'settling' AND is_paid));
-- How many payments of one payer are being used, or are in doubt.
DROP INDEX x402_payments_open;
CREATE INDEX x402_payments_open ON x402_payments (payer) WHERE state IN ('reserved', 'settling', 'unclear');
-- Which payments came in a transaction. Hashes are written with large letters or small ones.
CREATE INDEX x402_payments_transaction ON x402_payments (chain_id, lower(transaction_id));
