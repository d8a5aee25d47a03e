-- How the owners of agents do, for whoever sorts agents by it; who a challenge was given to; who made a key for another.

-- What reputation counts, told to the registry in the transaction that counts it.
CREATE TABLE owner_standings (
    owner_id BLOB NOT NULL PRIMARY KEY REFERENCES owners (id),
    -- Hundredths of a point of ten, for all time.
    overall  INTEGER NOT NULL CHECK (overall BETWEEN 0 AND 1000),
    calls    INTEGER NOT NULL CHECK (calls > 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX owner_standings_ranking ON owner_standings (overall DESC, calls DESC, owner_id);
INSERT INTO owner_standings (owner_id, overall, calls)
    SELECT provider_id, overall, calls FROM reputation_records WHERE month = 0 AND service_id IS NULL;
DROP INDEX reputation_ranking;

-- Those that are open are over in five minutes; whoever was given one asks for another.
DROP TABLE agent_challenges;
CREATE TABLE agent_challenges (
    digest     BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    agent_id   BLOB NOT NULL REFERENCES agents (id),
    -- Nobody else answers it.
    asked_by   BLOB NOT NULL REFERENCES owners (id),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_challenges_agent ON agent_challenges (agent_id, expires_at);
CREATE INDEX agent_challenges_expiry ON agent_challenges (expires_at);

-- The user by whose right a key was made that its owner could not have made: it is no stronger than that user is now. NULL for a
-- key that is its owner's own doing.
ALTER TABLE api_keys ADD COLUMN maker_id BLOB REFERENCES owners (id);
