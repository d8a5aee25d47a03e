-- Simulations: what was run, and what came of it. Their agents, wallets and orders are in the memory of the server that runs
-- one; nothing of them is in the tables of the market, the ledger or the registry.

CREATE TABLE simulation_runs (
    no            INTEGER PRIMARY KEY,
    id            BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    owner_id      BLOB NOT NULL,
    scenario      TEXT NOT NULL,
    -- All that the run follows from.
    config        TEXT NOT NULL CHECK (json_valid(config)),
    status        TEXT NOT NULL CHECK (status IN ('running', 'stopped', 'completed', 'error')),
    current_tick  INTEGER NOT NULL CHECK (current_tick BETWEEN 0 AND total_ticks),
    total_ticks   INTEGER NOT NULL CHECK (total_ticks > 0),
    agents_count  INTEGER NOT NULL CHECK (agents_count > 0),
    total_orders  INTEGER NOT NULL CHECK (total_orders >= 0),
    total_trades  INTEGER NOT NULL CHECK (total_trades >= 0),
    total_failed  INTEGER NOT NULL CHECK (total_failed BETWEEN 0 AND total_trades),
    total_volume  INTEGER NOT NULL CHECK (total_volume >= 0),
    -- Below zero when failures cost more than deliveries were worth.
    total_welfare INTEGER NOT NULL,
    -- Why it could not go on.
    error         TEXT,
    -- The process that runs it. When its lease is over it is gone, and the run with it.
    holder_id     BLOB NOT NULL,
    lease_until   INTEGER NOT NULL,
    started_at    INTEGER NOT NULL,
    ended_at      INTEGER,
    updated_at    INTEGER NOT NULL,
    CONSTRAINT simulation_runs_ended CHECK ((ended_at IS NULL) = (status = 'running')),
    CONSTRAINT simulation_runs_error CHECK ((error IS NOT NULL) = (status = 'error'))
) STRICT;
-- One at a time, whichever server runs it.
CREATE UNIQUE INDEX simulation_runs_one ON simulation_runs (status) WHERE status = 'running';

CREATE TABLE simulation_ticks (
    run_no           INTEGER NOT NULL REFERENCES simulation_runs (no) ON DELETE CASCADE,
    tick             INTEGER NOT NULL CHECK (tick > 0),
    capability       TEXT NOT NULL,
    orders           INTEGER NOT NULL CHECK (orders >= 0),
    expired          INTEGER NOT NULL CHECK (expired >= 0),
    trades           INTEGER NOT NULL CHECK (trades >= 0),
    failed           INTEGER NOT NULL CHECK (failed BETWEEN 0 AND trades),
    volume           INTEGER NOT NULL CHECK (volume >= 0),
    open_price       INTEGER CHECK (open_price > 0),
    high_price       INTEGER CHECK (high_price >= low_price),
    low_price        INTEGER CHECK (low_price > 0),
    close_price      INTEGER CHECK (close_price > 0),
    best_bid         INTEGER CHECK (best_bid > 0),
    best_ask         INTEGER CHECK (best_ask > best_bid),
    bids             INTEGER NOT NULL CHECK (bids >= 0),
    asks             INTEGER NOT NULL CHECK (asks >= 0),
    consumer_surplus INTEGER NOT NULL,
    producer_surplus INTEGER NOT NULL,
    PRIMARY KEY (run_no, tick, capability),
    CONSTRAINT simulation_ticks_traded CHECK ((close_price IS NOT NULL) = (trades > 0))
) STRICT, WITHOUT ROWID;
CREATE INDEX simulation_ticks_capability ON simulation_ticks (run_no, capability, tick);

-- The newest trades of a run.
CREATE TABLE simulation_trades (
    run_no          INTEGER NOT NULL REFERENCES simulation_runs (no) ON DELETE CASCADE,
    no              INTEGER NOT NULL CHECK (no > 0),
    id              BLOB NOT NULL CHECK (length(id) = 16),
    tick            INTEGER NOT NULL CHECK (tick > 0),
    capability      TEXT NOT NULL,
    bid_order_id    BLOB NOT NULL,
    ask_order_id    BLOB NOT NULL,
    buyer_agent_id  BLOB NOT NULL,
    seller_agent_id BLOB NOT NULL,
    price           INTEGER NOT NULL CHECK (price > 0),
    status          TEXT NOT NULL CHECK (status IN ('settled', 'failed')),
    latency_ms      INTEGER NOT NULL CHECK (latency_ms >= 0),
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (run_no, no)
) STRICT, WITHOUT ROWID;
CREATE INDEX simulation_trades_capability ON simulation_trades (run_no, capability, no);

-- Each book as the last tick left it.
CREATE TABLE simulation_books (
    run_no     INTEGER NOT NULL REFERENCES simulation_runs (no) ON DELETE CASCADE,
    capability TEXT NOT NULL,
    tick       INTEGER NOT NULL CHECK (tick > 0),
    -- The best prices, each with how many orders wait there: [[price, orders], …]
    bids       TEXT NOT NULL CHECK (json_valid(bids)),
    asks       TEXT NOT NULL CHECK (json_valid(asks)),
    PRIMARY KEY (run_no, capability)
) STRICT, WITHOUT ROWID;
