-- What is being paid is known by these rows alone: without them it would be paid, and in no books. Let calls end first.
CREATE TEMP TABLE x402_open (usage_id uuid CONSTRAINT money_is_being_fetched_for_calls_that_have_not_ended CHECK (usage_id IS NULL));
INSERT INTO x402_open (usage_id) SELECT usage_id FROM x402_payments WHERE state IN ('reserved', 'settling', 'unclear');
DROP TABLE x402_open;
DROP TABLE x402_payments;
ALTER TABLE usage_records DROP COLUMN payment_tx;
