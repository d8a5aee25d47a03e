-- What is held for a delivery is known by `hold_id` alone: without it, it would be held for ever. Let deliveries end first.
CREATE TEMP TABLE market_deliveries (trade BLOB CONSTRAINT money_is_held_for_deliveries_that_have_not_ended CHECK (trade IS NULL));
INSERT INTO market_deliveries (trade) SELECT id FROM market_trades WHERE hold_id IS NOT NULL;
DROP TABLE market_deliveries;
DROP TABLE market_stopped;
DROP TABLE market_owners;
ALTER TABLE market_trades DROP COLUMN hold_id;
