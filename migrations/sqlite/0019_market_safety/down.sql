DROP TABLE market_stopped;
DROP TABLE market_owners;
ALTER TABLE market_trades DROP COLUMN hold_id;
