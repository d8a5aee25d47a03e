DROP INDEX x402_payments_transaction;
DROP INDEX x402_payments_open;
CREATE INDEX x402_payments_open ON x402_payments (payer) WHERE state IN ('reserved', 'settling');
DROP INDEX x402_payments_unclear;
CREATE INDEX x402_payments_unclear ON x402_payments (usage_id) WHERE state = 'unclear';
