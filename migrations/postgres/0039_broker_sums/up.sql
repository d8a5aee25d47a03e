-- What calls come to for each owner, service and day, so that nobody has to add them up; what of deposits is kept for
-- debts; and how much is kept of the answers of each buyer.

CREATE TABLE usage_days (
    owner_id     uuid NOT NULL REFERENCES owners (id),
    -- Whether the owner made the calls, or was called.
    party        text NOT NULL CHECK (party IN ('buyer', 'provider')),
    -- On which the calls were made, in UTC: days since 1970-01-01.
    day          integer NOT NULL,
    service_id   uuid NOT NULL REFERENCES services (id),
    -- Those that have ended; of them those that were delivered, and of these those that were for nothing.
    calls        bigint NOT NULL CHECK (calls > 0),
    delivered    bigint NOT NULL CHECK (delivered BETWEEN 0 AND calls),
    free         bigint NOT NULL CHECK (free BETWEEN 0 AND delivered),
    -- Those that say how long the provider takes, and how long they took together; of them the part of those that were delivered.
    timed        bigint NOT NULL CHECK (timed BETWEEN delivered AND calls),
    latency_ms   bigint NOT NULL,
    delivered_ms bigint NOT NULL,
    -- Micro-USDC: what was charged, and what of it the house took.
    amount       bigint NOT NULL CHECK (amount >= 0),
    commission   bigint NOT NULL CHECK (commission BETWEEN 0 AND amount),
    PRIMARY KEY (owner_id, party, day, service_id)
);
INSERT INTO usage_days
SELECT p.owner_id, p.party, floor(extract(epoch FROM u.created_at) / 86400)::integer, u.service_id,
    count(*), count(*) FILTER (WHERE u.delivered), count(*) FILTER (WHERE u.delivered AND u.is_free),
    count(*) FILTER (WHERE u.delivered OR coalesce(u.error, '') NOT IN ('interrupted', 'circuit_open', 'refused', 'unreachable', 'broken_request')),
    coalesce(sum(u.latency_ms) FILTER (WHERE u.delivered OR coalesce(u.error, '') NOT IN ('interrupted', 'circuit_open', 'refused', 'unreachable', 'broken_request')), 0),
    coalesce(sum(u.latency_ms) FILTER (WHERE u.delivered), 0),
    coalesce(sum(u.amount), 0), coalesce(sum(u.commission), 0)
FROM usage_records AS u CROSS JOIN LATERAL (VALUES ('buyer', u.buyer_id), ('provider', u.provider_id)) AS p (party, owner_id)
WHERE u.finished_at IS NOT NULL
GROUP BY 1, 2, 3, 4;

-- Whoever deposits: a row to lock for those who change what an owner owes.
CREATE TABLE depositors (
    owner_id uuid PRIMARY KEY REFERENCES owners (id)
);
-- How much of a deposit was kept for what its owner owed when it came.
ALTER TABLE deposits ADD COLUMN kept bigint NOT NULL DEFAULT 0 CHECK (kept BETWEEN 0 AND amount);

-- How many bytes are kept of answers to calls with a key that ended in an hour: hours since 1970-01-01.
CREATE TABLE kept_answers (
    owner_id uuid NOT NULL REFERENCES owners (id),
    hour     integer NOT NULL,
    bytes    bigint NOT NULL CHECK (bytes >= 0),
    PRIMARY KEY (owner_id, hour)
);
CREATE INDEX kept_answers_hour ON kept_answers (hour, owner_id);
