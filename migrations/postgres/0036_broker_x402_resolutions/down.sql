-- What an older server does not know of is lost to it: let these calls end first.
CREATE TEMP TABLE x402_open (usage_id uuid CONSTRAINT payments_have_no_end_yet CHECK (usage_id IS NULL));
INSERT INTO x402_open (usage_id) SELECT usage_id FROM x402_payments WHERE state = 'unclear' OR (state = 'settling' AND is_paid);
DROP TABLE x402_open;
DROP TABLE x402_resolutions;
DROP INDEX x402_payments_unclear;
ALTER TABLE x402_payments DROP COLUMN is_paid;
