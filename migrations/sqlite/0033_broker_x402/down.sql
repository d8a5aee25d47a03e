DROP TABLE x402_payments;
ALTER TABLE usage_records DROP COLUMN payment_tx;
