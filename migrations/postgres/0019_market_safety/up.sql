-- What keeps the market safe: money for what may have to be paid back, a bound on what one owner has open, and no trade by an
-- agent that is no more.

-- The proceeds of a trade, held in the seller's wallet while what was bought is delivered, and until a delivery that failed is
-- paid back. NULL: nothing is held, because nothing is being delivered or because the buyer did not want it.
ALTER TABLE market_trades ADD COLUMN hold_id uuid
    CONSTRAINT market_trades_held CHECK (hold_id IS NULL OR status IN ('delivering', 'failed'));

-- How many orders an owner has open, of all capabilities together: written in the transaction that opens or ends them.
CREATE TABLE market_owners (
    owner_id    uuid PRIMARY KEY,
    open_orders bigint NOT NULL CHECK (open_orders >= 0)
);
-- Nobody opens or ends an order while they are counted.
LOCK TABLE market_orders IN SHARE MODE;
INSERT INTO market_owners (owner_id, open_orders)
    SELECT owner_id, COUNT(*) FROM market_orders WHERE remaining > 0 GROUP BY owner_id;

-- Agents that may not trade: they were deleted, or switched off.
CREATE TABLE market_stopped (
    agent_id   uuid PRIMARY KEY,
    stopped_at timestamptz NOT NULL
);
