ALTER TABLE api_keys DROP COLUMN maker_id;
DROP TABLE agent_challenges;
CREATE TABLE agent_challenges (
    digest     bytea PRIMARY KEY CHECK (length(digest) = 32),
    agent_id   uuid NOT NULL REFERENCES agents (id),
    expires_at timestamptz NOT NULL
);
CREATE INDEX agent_challenges_agent ON agent_challenges (agent_id, expires_at);
CREATE INDEX agent_challenges_expiry ON agent_challenges (expires_at);
DROP TABLE agent_words;
DROP INDEX agents_by_slug_prefix;
DROP INDEX agents_by_name_prefix;
CREATE INDEX reputation_ranking ON reputation_records (overall DESC, calls DESC, provider_id)
    WHERE month = 0 AND service_id IS NULL;
DROP TABLE owner_standings;
