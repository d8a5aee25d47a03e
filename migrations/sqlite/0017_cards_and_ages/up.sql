-- Several agents may share an endpoint: what tells their cards apart is the name. A unique constraint cannot be dropped here, so the
-- table is made again.
CREATE TABLE a2a_cards_of_names (
    agent_id         BLOB PRIMARY KEY REFERENCES agents (id),
    owner_id         BLOB NOT NULL REFERENCES owners (id),
    endpoint         TEXT NOT NULL,
    -- What the card calls its agent; the agent's owner may call it otherwise.
    name             TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    -- Where it was fetched.
    url              TEXT NOT NULL,
    signature        TEXT NOT NULL CHECK (signature IN ('unsigned', 'verified', 'invalid')),
    -- Whose key verified it, or why none did.
    signature_detail TEXT,
    fetched_at       INTEGER NOT NULL,
    card             BLOB NOT NULL CHECK (length(card) BETWEEN 2 AND 1048576),
    CONSTRAINT a2a_cards_name UNIQUE (owner_id, endpoint, name)
) STRICT, WITHOUT ROWID;
INSERT INTO a2a_cards_of_names (agent_id, owner_id, endpoint, name, url, signature, signature_detail, fetched_at, card)
SELECT c.agent_id, c.owner_id, c.endpoint, a.name, c.url, c.signature, c.signature_detail, c.fetched_at, c.card
FROM a2a_cards AS c JOIN agents AS a ON a.id = c.agent_id;
DROP TABLE a2a_cards;
ALTER TABLE a2a_cards_of_names RENAME TO a2a_cards;
CREATE INDEX a2a_cards_url ON a2a_cards (owner_id, url, fetched_at);

-- Tasks and runs that are over are forgotten after a while.
CREATE INDEX a2a_tasks_rested ON a2a_tasks (status_at, id) WHERE runner_id IS NULL;
CREATE INDEX executions_ended ON executions (completed_at, id) WHERE completed_at IS NOT NULL;
CREATE INDEX execution_attempts_child ON execution_attempts (child_execution_id) WHERE child_execution_id IS NOT NULL;
