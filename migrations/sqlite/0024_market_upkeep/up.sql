-- The day (UTC) on which a capability was traded last: what was traded once is listed by it, however often that was.
ALTER TABLE market_capabilities ADD COLUMN traded_on INTEGER;
UPDATE market_capabilities SET traded_on = (SELECT max(d.start) FROM market_candles AS d
    WHERE d.capability = market_capabilities.capability AND d.seconds = 86400);
CREATE INDEX market_capabilities_traded ON market_capabilities (traded_on) WHERE traded_on IS NOT NULL;

-- Deliveries that failed and are to be paid back out of what is held for it, as soon as the seller's wallet lets it.
CREATE INDEX market_trades_owed ON market_trades (updated_at) WHERE status = 'failed' AND hold_id IS NOT NULL;
