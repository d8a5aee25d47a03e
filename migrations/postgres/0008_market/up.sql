-- The market: what is traded, the orders, and the trades. Owners and agents are not referred to by foreign keys: the market
-- can be used without their tables, and outlives them.

-- A row is locked by whoever changes the orders of its capability, so that replicas take turns. `version` rises with every
-- change: a book in a server's memory counts only as long as it has the same.
CREATE TABLE market_capabilities (
    capability    text PRIMARY KEY CHECK (length(capability) BETWEEN 1 AND 255),
    -- Whether orders trade as they arrive. Otherwise they rest until somebody asks for a match.
    continuous    boolean NOT NULL,
    -- What the house takes of a trade, in parts per million. NULL: what the settings say.
    fee_ppm       integer CHECK (fee_ppm BETWEEN 0 AND 1000000),
    version       bigint NOT NULL CHECK (version >= 0),
    -- The priority of the youngest order.
    last_priority bigint NOT NULL CHECK (last_priority >= 0),
    open_orders   bigint NOT NULL CHECK (open_orders >= 0),
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE market_orders (
    no              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              uuid NOT NULL UNIQUE,
    owner_id        uuid NOT NULL,
    agent_id        uuid NOT NULL,
    account_id      uuid NOT NULL,
    capability      text NOT NULL REFERENCES market_capabilities (capability),
    side            text NOT NULL CHECK (side IN ('bid', 'ask')),
    type            text NOT NULL CHECK (type IN ('limit', 'market')),
    time_in_force   text NOT NULL CHECK (time_in_force IN ('gtc', 'ioc', 'fok', 'post_only', 'gtt')),
    -- The worst price that is accepted. NULL: any.
    price           bigint CHECK (price > 0) CHECK (price IS NOT NULL OR type = 'market'),
    quantity        bigint NOT NULL CHECK (quantity > 0),
    remaining       bigint NOT NULL CHECK (remaining >= 0),
    filled          bigint NOT NULL CHECK (filled >= 0),
    cancelled       bigint NOT NULL CHECK (cancelled >= 0),
    status          text NOT NULL
        CHECK (status IN ('open', 'partially_filled', 'filled', 'cancelled', 'expired', 'rejected')),
    -- Why it ended before it was filled.
    reason          text,
    -- Of two orders at one price the one with the lower priority comes first.
    priority        bigint NOT NULL CHECK (priority > 0),
    self_trade      text NOT NULL CHECK (self_trade IN ('cancel_newest', 'cancel_oldest', 'cancel_both', 'decrement')),
    -- The money of an open bid: price x remaining.
    hold_id         uuid,
    client_order_id text CHECK (length(client_order_id) BETWEEN 1 AND 255),
    -- A hash of what was asked for, by which a repetition is told from another order with the same id.
    fingerprint     bigint NOT NULL,
    expires_at      timestamptz,
    tick            bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT market_orders_adds_up CHECK (quantity = remaining + filled + cancelled),
    CONSTRAINT market_orders_open CHECK ((remaining > 0) = (status IN ('open', 'partially_filled'))),
    CONSTRAINT market_orders_touched CHECK (status <> 'open' OR filled = 0),
    CONSTRAINT market_orders_part CHECK (status NOT IN ('partially_filled', 'filled') OR filled > 0),
    CONSTRAINT market_orders_held CHECK ((hold_id IS NOT NULL) = (side = 'bid' AND remaining > 0))
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX market_orders_client ON market_orders (agent_id, client_order_id) WHERE client_order_id IS NOT NULL;
-- The book, each side in the order in which it trades.
CREATE INDEX market_orders_bids ON market_orders (capability, price DESC, priority) WHERE side = 'bid' AND remaining > 0;
CREATE INDEX market_orders_asks ON market_orders (capability, price, priority) WHERE side = 'ask' AND remaining > 0;
CREATE INDEX market_orders_owner ON market_orders (owner_id, no);
CREATE INDEX market_orders_owner_status ON market_orders (owner_id, status, no);
CREATE INDEX market_orders_due ON market_orders (expires_at) WHERE expires_at IS NOT NULL AND remaining > 0;

-- The id of a trade is also that of the transfer that paid it.
CREATE TABLE market_trades (
    no                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id                 uuid NOT NULL UNIQUE,
    capability         text NOT NULL REFERENCES market_capabilities (capability),
    bid_order_id       uuid NOT NULL REFERENCES market_orders (id),
    ask_order_id       uuid NOT NULL REFERENCES market_orders (id),
    buyer_agent_id     uuid NOT NULL,
    seller_agent_id    uuid NOT NULL,
    buyer_owner_id     uuid NOT NULL,
    seller_owner_id    uuid NOT NULL,
    price              bigint NOT NULL CHECK (price > 0),
    quantity           bigint NOT NULL CHECK (quantity > 0),
    fee                bigint NOT NULL CHECK (fee BETWEEN 0 AND price * quantity),
    fee_transfer_id    uuid,
    taker              text NOT NULL CHECK (taker IN ('bid', 'ask')),
    status             text NOT NULL CHECK (status IN ('settled', 'delivering', 'delivered', 'failed', 'reversed')),
    latency_ms         bigint NOT NULL CHECK (latency_ms >= 0),
    tick               bigint NOT NULL,
    invocation_id      uuid,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    CHECK ((fee > 0) = (fee_transfer_id IS NOT NULL))
);
CREATE INDEX market_trades_capability ON market_trades (capability, no);
-- With all that a ticker or a candle sums up.
CREATE INDEX market_trades_time ON market_trades (capability, created_at, no, price, quantity);
CREATE INDEX market_trades_buyer ON market_trades (buyer_agent_id, no);
CREATE INDEX market_trades_seller ON market_trades (seller_agent_id, no);
CREATE INDEX market_trades_bid ON market_trades (bid_order_id);
CREATE INDEX market_trades_ask ON market_trades (ask_order_id);
