-- How the owners of agents do, for whoever sorts agents by it; what names are found by; who a challenge was given to; who made a
-- key for another.

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
CREATE INDEX agents_by_slug_prefix ON agents (state, slug COLLATE "C");

-- The words of the names of active agents, in lower case. Those that were registered first come first: newcomers push nobody out
-- of the first so many. Names that are there are split as far as the database knows letters; the server does it when they change.
CREATE TABLE agent_words (
    word     text COLLATE "C" NOT NULL,
    agent_id uuid NOT NULL REFERENCES agents (id),
    PRIMARY KEY (word, agent_id)
);
CREATE INDEX agent_words_agent ON agent_words (agent_id);
INSERT INTO agent_words (word, agent_id)
    SELECT DISTINCT word, id FROM agents, regexp_split_to_table(lower(name), '[^[:alnum:]]+') AS word
    WHERE state = 'active' AND word <> '';

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

-- The user by whose right a key was made, when that is another than its owner: what was made for others can be found when that user
-- leaves. NULL for a key that is its owner's own doing.
ALTER TABLE api_keys ADD COLUMN maker_id uuid REFERENCES owners (id);
