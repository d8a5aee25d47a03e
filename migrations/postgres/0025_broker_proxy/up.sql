-- The paid proxy: what was taken of a call, how long a service may take, and money that buyers have put in.

-- Micro-USDC that the house took of what was charged. Kept beside the rate, so that sums are of what moved, to the last digit.
ALTER TABLE usage_records ADD COLUMN commission bigint CHECK (commission BETWEEN 0 AND amount);

-- How long this service may take to begin its answer, and between two pieces of it. NULL: as long as the server says.
ALTER TABLE services ADD COLUMN timeout_seconds integer CHECK (timeout_seconds BETWEEN 1 AND 300);

-- Money that comes into a buyer's balance. The transfer of a completed deposit has its id, as a UUID of version 8.
CREATE TABLE deposits (
    id             uuid PRIMARY KEY,
    owner_id       uuid NOT NULL REFERENCES owners (id),
    -- Micro-USDC.
    amount         bigint NOT NULL CHECK (amount > 0),
    -- What brings it, and what that calls it.
    rail           text NOT NULL,
    rail_reference text NOT NULL,
    checkout_url   text,
    status         text NOT NULL CHECK (status IN ('pending', 'completed', 'failed')),
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    UNIQUE (rail, rail_reference)
);
CREATE INDEX deposits_by_owner ON deposits (owner_id, status, created_at, id);
