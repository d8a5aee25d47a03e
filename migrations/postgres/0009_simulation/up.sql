-- Simulations: what was run, and what came of it. Their agents, wallets and orders are in the memory of the server that runs
-- one; nothing of them is in the tables of the market, the ledger or the registry.

CREATE TABLE simulation_runs (
    no            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            uuid NOT NULL UNIQUE,
    owner_id      uuid NOT NULL,
    scenario      text NOT NULL,
    -- All that the run follows from.
    config        jsonb NOT NULL,
    status        text NOT NULL CHECK (status IN ('running', 'stopped', 'completed', 'error')),
    current_tick  bigint NOT NULL CHECK (current_tick BETWEEN 0 AND total_ticks),
    total_ticks   bigint NOT NULL CHECK (total_ticks > 0),
    agents_count  bigint NOT NULL CHECK (agents_count > 0),
    total_orders  bigint NOT NULL CHECK (total_orders >= 0),
    total_trades  bigint NOT NULL CHECK (total_trades >= 0),
    total_failed  bigint NOT NULL CHECK (total_failed BETWEEN 0 AND total_trades),
    total_volume  bigint NOT NULL CHECK (total_volume >= 0),
    -- Below zero when failures cost more than deliveries were worth.
    total_welfare bigint NOT NULL,
    -- Why it could not go on.
    error         text,
    -- The process that runs it. When its lease is over it is gone, and the run with it.
    holder_id     uuid NOT NULL,
    lease_until   timestamptz NOT NULL,
    started_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    updated_at    timestamptz NOT NULL,
    CONSTRAINT simulation_runs_ended CHECK ((ended_at IS NULL) = (status = 'running')),
    CONSTRAINT simulation_runs_error CHECK ((error IS NOT NULL) = (status = 'error'))
) WITH (fillfactor = 50);
-- One at a time, whichever server runs it.
CREATE UNIQUE INDEX simulation_runs_one ON simulation_runs (status) WHERE status = 'running';

CREATE TABLE simulation_ticks (
    run_no           bigint NOT NULL REFERENCES simulation_runs (no) ON DELETE CASCADE,
    tick             bigint NOT NULL CHECK (tick > 0),
    capability       text NOT NULL,
    orders           bigint NOT NULL CHECK (orders >= 0),
    expired          bigint NOT NULL CHECK (expired >= 0),
    trades           bigint NOT NULL CHECK (trades >= 0),
    failed           bigint NOT NULL CHECK (failed BETWEEN 0 AND trades),
    volume           bigint NOT NULL CHECK (volume >= 0),
    open_price       bigint CHECK (open_price > 0),
    high_price       bigint CHECK (high_price >= low_price),
    low_price        bigint CHECK (low_price > 0),
    close_price      bigint CHECK (close_price > 0),
    best_bid         bigint CHECK (best_bid > 0),
    best_ask         bigint CHECK (best_ask > best_bid),
    bids             bigint NOT NULL CHECK (bids >= 0),
    asks             bigint NOT NULL CHECK (asks >= 0),
    consumer_surplus bigint NOT NULL,
    producer_surplus bigint NOT NULL,
    PRIMARY KEY (run_no, tick, capability),
    CONSTRAINT simulation_ticks_traded CHECK ((close_price IS NOT NULL) = (trades > 0))
);
CREATE INDEX simulation_ticks_capability ON simulation_ticks (run_no, capability, tick);

-- The newest trades of a run.
CREATE TABLE simulation_trades (
    run_no          bigint NOT NULL REFERENCES simulation_runs (no) ON DELETE CASCADE,
    no              bigint NOT NULL CHECK (no > 0),
    id              uuid NOT NULL,
    tick            bigint NOT NULL CHECK (tick > 0),
    capability      text NOT NULL,
    bid_order_id    uuid NOT NULL,
    ask_order_id    uuid NOT NULL,
    buyer_agent_id  uuid NOT NULL,
    seller_agent_id uuid NOT NULL,
    price           bigint NOT NULL CHECK (price > 0),
    status          text NOT NULL CHECK (status IN ('settled', 'failed')),
    latency_ms      bigint NOT NULL CHECK (latency_ms >= 0),
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (run_no, no)
);
CREATE INDEX simulation_trades_capability ON simulation_trades (run_no, capability, no);

-- Each book as the last tick left it.
CREATE TABLE simulation_books (
    run_no     bigint NOT NULL REFERENCES simulation_runs (no) ON DELETE CASCADE,
    capability text NOT NULL,
    tick       bigint NOT NULL CHECK (tick > 0),
    -- The best prices, each with how many orders wait there: [[price, orders], …]
    bids       jsonb NOT NULL,
    asks       jsonb NOT NULL,
    PRIMARY KEY (run_no, capability)
) WITH (fillfactor = 50);
