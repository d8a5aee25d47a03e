-- How providers and their services do, counted from calls.

CREATE TABLE reputation_records (
    -- The service, or the provider for all of its services together.
    subject_id  BLOB NOT NULL CHECK (length(subject_id) = 16),
    -- Year * 100 + month, UTC, of calls that ended then; 0 for all time.
    month       INTEGER NOT NULL CHECK (month >= 0),
    provider_id BLOB NOT NULL REFERENCES owners (id),
    service_id  BLOB REFERENCES services (id),
    calls       INTEGER NOT NULL CHECK (calls > 0),
    -- Answered with less than 400.
    successes   INTEGER NOT NULL CHECK (successes BETWEEN 0 AND calls),
    -- Answered with 500 or more, or not at all.
    errors      INTEGER NOT NULL CHECK (errors BETWEEN 0 AND calls - successes),
    latency_ms  INTEGER NOT NULL CHECK (latency_ms >= 0),
    -- Hundredths of a point of ten.
    overall     INTEGER NOT NULL CHECK (overall BETWEEN 0 AND 1000),
    latency     INTEGER NOT NULL CHECK (latency BETWEEN 0 AND 1000),
    reliability INTEGER NOT NULL CHECK (reliability BETWEEN 0 AND 1000),
    quality     INTEGER NOT NULL CHECK (quality BETWEEN 0 AND 1000),
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (subject_id, month),
    CHECK (subject_id = coalesce(service_id, provider_id))
) STRICT, WITHOUT ROWID;
CREATE INDEX reputation_ranking ON reputation_records (overall DESC, calls DESC, provider_id)
    WHERE month = 0 AND service_id IS NULL;

-- Whether a call that has ended is in those counts.
ALTER TABLE usage_records ADD COLUMN is_counted INTEGER NOT NULL DEFAULT FALSE;
CREATE INDEX usage_uncounted ON usage_records (provider_id, finished_at, id) WHERE finished_at IS NOT NULL AND NOT is_counted;
