DROP INDEX market_trades_owed;
DROP INDEX market_capabilities_traded;
ALTER TABLE market_capabilities DROP COLUMN traded_on;
