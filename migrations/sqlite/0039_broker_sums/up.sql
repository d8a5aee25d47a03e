-- What calls come to for each owner, service and day, so that nobody has to add them up; what of deposits is kept for
-- debts; and how much is kept of the answers of each buyer.

CREATE TABLE usage_days (
    owner_id     BLOB NOT NULL REFERENCES owners (id),
    -- Whether the owner made the calls, or was called.
    party        TEXT NOT NULL CHECK (party IN ('buyer', 'provider')),
    -- On which the calls were made, in UTC: days since 1970-01-01.
    day          INTEGER NOT NULL,
    service_id   BLOB NOT NULL REFERENCES services (id),
    -- Those that have ended; of them those that were delivered, and of these those that were for nothing.
    calls        INTEGER NOT NULL CHECK (calls > 0),
    delivered    INTEGER NOT NULL CHECK (delivered BETWEEN 0 AND calls),
    free         INTEGER NOT NULL CHECK (free BETWEEN 0 AND delivered),
    -- Those that say how long the provider takes, and how long they took together; of them the part of those that were delivered.
    timed        INTEGER NOT NULL CHECK (timed BETWEEN delivered AND calls),
    latency_ms   INTEGER NOT NULL,
    delivered_ms INTEGER NOT NULL,
    -- Micro-USDC: what was charged, and what of it the house took.
    amount       INTEGER NOT NULL CHECK (amount >= 0),
    commission   INTEGER NOT NULL CHECK (commission BETWEEN 0 AND amount),
    PRIMARY KEY (owner_id, party, day, service_id)
) STRICT, WITHOUT ROWID;
INSERT INTO usage_days
SELECT CASE p.party WHEN 'buyer' THEN u.buyer_id ELSE u.provider_id END, p.party, u.created_at / 86400000000, u.service_id,
    count(*), sum(u.delivered), sum(u.delivered AND u.is_free),
    sum(u.delivered OR coalesce(u.error, '') NOT IN ('interrupted', 'circuit_open', 'refused', 'unreachable', 'broken_request')),
    sum(CASE WHEN u.delivered OR coalesce(u.error, '') NOT IN ('interrupted', 'circuit_open', 'refused', 'unreachable', 'broken_request')
        THEN coalesce(u.latency_ms, 0) ELSE 0 END),
    sum(CASE WHEN u.delivered THEN coalesce(u.latency_ms, 0) ELSE 0 END),
    sum(coalesce(u.amount, 0)), sum(coalesce(u.commission, 0))
FROM usage_records AS u CROSS JOIN (SELECT 'buyer' AS party UNION ALL SELECT 'provider') AS p
WHERE u.finished_at IS NOT NULL
GROUP BY 1, 2, 3, 4;

-- Whoever deposits: a row to lock for those who change what an owner owes.
CREATE TABLE depositors (
    owner_id BLOB PRIMARY KEY REFERENCES owners (id)
) STRICT, WITHOUT ROWID;
-- How much of a deposit was kept for what its owner owed when it came.
ALTER TABLE deposits ADD COLUMN kept INTEGER NOT NULL DEFAULT 0 CHECK (kept BETWEEN 0 AND amount);

-- How many bytes are kept of answers to calls with a key that ended in an hour: hours since 1970-01-01.
CREATE TABLE kept_answers (
    owner_id BLOB NOT NULL REFERENCES owners (id),
    hour     INTEGER NOT NULL,
    bytes    INTEGER NOT NULL CHECK (bytes >= 0),
    PRIMARY KEY (owner_id, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX kept_answers_hour ON kept_answers (hour, owner_id);
