ALTER TABLE market_orders ADD CONSTRAINT market_orders_capability_fkey
    FOREIGN KEY (capability) REFERENCES market_capabilities (capability);
DROP TRIGGER market_orders_capability ON market_orders;
DROP FUNCTION market_require_capabilities();
DROP TRIGGER market_orders_no_moving ON market_orders;
DROP TRIGGER market_capabilities_no_renaming ON market_capabilities;
DROP TRIGGER market_capabilities_no_truncate ON market_capabilities;
DROP TRIGGER market_capabilities_no_delete ON market_capabilities;
DROP FUNCTION market_refuse_removal();
CREATE INDEX market_trades_time ON market_trades (capability, created_at, no, price, quantity);
DROP TABLE market_candles;
