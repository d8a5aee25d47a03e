DROP TABLE market_trades;
DROP TABLE market_orders;
DROP TABLE market_capabilities;
