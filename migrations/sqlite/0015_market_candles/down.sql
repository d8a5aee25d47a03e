CREATE INDEX market_trades_time ON market_trades (capability, created_at, no, price, quantity);
DROP TABLE market_candles;
