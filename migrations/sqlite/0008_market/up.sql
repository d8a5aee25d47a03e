-- The market: what is traded, the orders, and the trades. Owners and agents are not referred to by foreign keys: the market
-- can be used without their tables, and outlives them.

-- A row is locked by whoever changes the orders of its capability, so that replicas take turns. `version` rises with every
-- change: a book in a server's memory counts only as long as it has the same.
CREATE TABLE market_capabilities (
    capability    TEXT PRIMARY KEY CHECK (length(capability) BETWEEN 1 AND 255),
    -- Whether orders trade as they arrive. Otherwise they rest until somebody asks for a match.
    continuous    INTEGER NOT NULL,
    -- What the house takes of a trade, in parts per million. NULL: what the settings say.
    fee_ppm       INTEGER CHECK (fee_ppm BETWEEN 0 AND 1000000),
    version       INTEGER NOT NULL CHECK (version >= 0),
    -- The priority of the youngest order.
    last_priority INTEGER NOT NULL CHECK (last_priority >= 0),
    open_orders   INTEGER NOT NULL CHECK (open_orders >= 0),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE market_orders (
    no              INTEGER PRIMARY KEY,
    id              BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    owner_id        BLOB NOT NULL,
    agent_id        BLOB NOT NULL,
    account_id      BLOB NOT NULL,
    capability      TEXT NOT NULL REFERENCES market_capabilities (capability),
    side            TEXT NOT NULL CHECK (side IN ('bid', 'ask')),
    type            TEXT NOT NULL CHECK (type IN ('limit', 'market')),
    time_in_force   TEXT NOT NULL CHECK (time_in_force IN ('gtc', 'ioc', 'fok', 'post_only', 'gtt')),
    -- The worst price that is accepted. NULL: any.
    price           INTEGER CHECK (price > 0) CHECK (price IS NOT NULL OR type = 'market'),
    quantity        INTEGER NOT NULL CHECK (quantity > 0),
    remaining       INTEGER NOT NULL CHECK (remaining >= 0),
    filled          INTEGER NOT NULL CHECK (filled >= 0),
    cancelled       INTEGER NOT NULL CHECK (cancelled >= 0),
    status          TEXT NOT NULL
        CHECK (status IN ('open', 'partially_filled', 'filled', 'cancelled', 'expired', 'rejected')),
    -- Why it ended before it was filled.
    reason          TEXT,
    -- Of two orders at one price the one with the lower priority comes first.
    priority        INTEGER NOT NULL CHECK (priority > 0),
    self_trade      TEXT NOT NULL CHECK (self_trade IN ('cancel_newest', 'cancel_oldest', 'cancel_both', 'decrement')),
    -- The money of an open bid: price x remaining.
    hold_id         BLOB,
    client_order_id TEXT CHECK (length(client_order_id) BETWEEN 1 AND 255),
    -- A hash of what was asked for, by which a repetition is told from another order with the same id.
    fingerprint     INTEGER NOT NULL,
    expires_at      INTEGER,
    tick            INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    CONSTRAINT market_orders_adds_up CHECK (quantity = remaining + filled + cancelled),
    CONSTRAINT market_orders_open CHECK ((remaining > 0) = (status IN ('open', 'partially_filled'))),
    CONSTRAINT market_orders_touched CHECK (status <> 'open' OR filled = 0),
    CONSTRAINT market_orders_part CHECK (status NOT IN ('partially_filled', 'filled') OR filled > 0),
    CONSTRAINT market_orders_held CHECK ((hold_id IS NOT NULL) = (side = 'bid' AND remaining > 0))
) STRICT;
CREATE UNIQUE INDEX market_orders_client ON market_orders (agent_id, client_order_id) WHERE client_order_id IS NOT NULL;
-- The book, each side in the order in which it trades.
CREATE INDEX market_orders_bids ON market_orders (capability, price DESC, priority) WHERE side = 'bid' AND remaining > 0;
CREATE INDEX market_orders_asks ON market_orders (capability, price, priority) WHERE side = 'ask' AND remaining > 0;
CREATE INDEX market_orders_owner ON market_orders (owner_id, no);
CREATE INDEX market_orders_owner_status ON market_orders (owner_id, status, no);
CREATE INDEX market_orders_due ON market_orders (expires_at) WHERE expires_at IS NOT NULL AND remaining > 0;

-- The id of a trade is also that of the transfer that paid it.
CREATE TABLE market_trades (
    no                 INTEGER PRIMARY KEY,
    id                 BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    capability         TEXT NOT NULL REFERENCES market_capabilities (capability),
    bid_order_id       BLOB NOT NULL REFERENCES market_orders (id),
    ask_order_id       BLOB NOT NULL REFERENCES market_orders (id),
    buyer_agent_id     BLOB NOT NULL,
    seller_agent_id    BLOB NOT NULL,
    buyer_owner_id     BLOB NOT NULL,
    seller_owner_id    BLOB NOT NULL,
    price              INTEGER NOT NULL CHECK (price > 0),
    quantity           INTEGER NOT NULL CHECK (quantity > 0),
    fee                INTEGER NOT NULL CHECK (fee BETWEEN 0 AND price * quantity),
    fee_transfer_id    BLOB,
    taker              TEXT NOT NULL CHECK (taker IN ('bid', 'ask')),
    status             TEXT NOT NULL CHECK (status IN ('settled', 'delivering', 'delivered', 'failed', 'reversed')),
    latency_ms         INTEGER NOT NULL CHECK (latency_ms >= 0),
    tick               INTEGER NOT NULL,
    invocation_id      BLOB,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    CHECK ((fee > 0) = (fee_transfer_id IS NOT NULL))
) STRICT;
CREATE INDEX market_trades_capability ON market_trades (capability, no);
-- With all that a ticker or a candle sums up.
CREATE INDEX market_trades_time ON market_trades (capability, created_at, no, price, quantity);
CREATE INDEX market_trades_buyer ON market_trades (buyer_agent_id, no);
CREATE INDEX market_trades_seller ON market_trades (seller_agent_id, no);
CREATE INDEX market_trades_bid ON market_trades (bid_order_id);
CREATE INDEX market_trades_ask ON market_trades (ask_order_id);
