-- The paid proxy: what was taken of a call, how long a service may take, and money that buyers have put in.

-- Micro-USDC that the house took of what was charged. Kept beside the rate, so that sums are of what moved, to the last digit.
ALTER TABLE usage_records ADD COLUMN commission INTEGER CHECK (commission BETWEEN 0 AND amount);

-- How long this service may take to begin its answer, and between two pieces of it. NULL: as long as the server says.
ALTER TABLE services ADD COLUMN timeout_seconds INTEGER CHECK (timeout_seconds BETWEEN 1 AND 300);

-- Money that comes into a buyer's balance. The transfer of a completed deposit has its id, as a UUID of version 8.
CREATE TABLE deposits (
    id             BLOB PRIMARY KEY CHECK (length(id) = 16),
    owner_id       BLOB NOT NULL REFERENCES owners (id),
    -- Micro-USDC.
    amount         INTEGER NOT NULL CHECK (amount > 0),
    -- What brings it, and what that calls it.
    rail           TEXT NOT NULL,
    rail_reference TEXT NOT NULL,
    checkout_url   TEXT,
    status         TEXT NOT NULL CHECK (status IN ('pending', 'completed', 'failed')),
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    UNIQUE (rail, rail_reference)
) STRICT, WITHOUT ROWID;
CREATE INDEX deposits_by_owner ON deposits (owner_id, status, created_at, id);
