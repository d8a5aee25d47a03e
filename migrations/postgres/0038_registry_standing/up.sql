-- How the owners of agents do, for whoever sorts agents by it; who a challenge was given to; who made a key for another.

-- What reputation counts, told to the registry in the transaction that counts it.
CREATE TABLE owner_standings (
    owner_id uuid PRIMARY KEY REFERENCES owners (id),
    -- Hundredths of a point of ten, for all time.
    overall  integer NOT NULL CHECK (overall BETWEEN 0 AND 1000),
    calls    bigint NOT NULL CHECK (calls > 0)
);
CREATE INDEX owner_standings_ranking ON owner_standings (overall DESC, calls DESC, owner_id);
INSERT INTO owner_standings (owner_id, overall, calls)
    SELECT provider_id, overall, calls FROM reputation_records WHERE month = 0 AND service_id IS NULL;
DROP INDEX reputation_ranking;

-- What begins with a text is found by these, whatever the locale of the database.
CREATE INDEX agents_by_name_prefix ON agents (state, lower(name COLLATE "C"));
CREATE INDEX agents_by_slug_prefix ON agents (slug COLLATE "C");

-- Those that are open are over in five minutes; whoever was given one asks for another.
DROP TABLE agent_challenges;
CREATE TABLE agent_challenges (
    digest     bytea PRIMARY KEY CHECK (length(digest) = 32),
    agent_id   uuid NOT NULL REFERENCES agents (id),
    -- Nobody else answers it.
    asked_by   uuid NOT NULL REFERENCES owners (id),
    expires_at timestamptz NOT NULL
);
CREATE INDEX agent_challenges_agent ON agent_challenges (agent_id, expires_at);
CREATE INDEX agent_challenges_expiry ON agent_challenges (expires_at);

-- The user by whose right a key was made that its owner could not have made: it is no stronger than that user is now. NULL for a
-- key that is its owner's own doing.
ALTER TABLE api_keys ADD COLUMN maker_id uuid REFERENCES owners (id);
