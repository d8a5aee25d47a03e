-- The day (UTC) on which a capability was traded last: what was traded once is listed by it, however often that was.
-- In the order in which trading takes them.
LOCK TABLE market_capabilities IN ACCESS EXCLUSIVE MODE;
LOCK TABLE market_candles IN SHARE MODE;
ALTER TABLE market_capabilities ADD COLUMN traded_on timestamptz;
UPDATE market_capabilities AS c SET traded_on = d.traded_on
FROM (SELECT capability, max(start) AS traded_on FROM market_candles WHERE seconds = 86400 GROUP BY capability) AS d
WHERE d.capability = c.capability;
CREATE INDEX market_capabilities_traded ON market_capabilities (traded_on) WHERE traded_on IS NOT NULL;

-- Deliveries that failed and are to be paid back out of what is held for it, as soon as the seller's wallet lets it.
CREATE INDEX market_trades_owed ON market_trades (updated_at) WHERE status = 'failed' AND hold_id IS NOT NULL;
