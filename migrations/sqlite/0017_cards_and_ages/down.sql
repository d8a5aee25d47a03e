DROP INDEX execution_attempts_child;
DROP INDEX executions_ended;
DROP INDEX a2a_tasks_rested;
CREATE TABLE a2a_cards_of_endpoints (
    agent_id         BLOB PRIMARY KEY REFERENCES agents (id),
    owner_id         BLOB NOT NULL REFERENCES owners (id),
    endpoint         TEXT NOT NULL,
    url              TEXT NOT NULL,
    signature        TEXT NOT NULL CHECK (signature IN ('unsigned', 'verified', 'invalid')),
    signature_detail TEXT,
    fetched_at       INTEGER NOT NULL,
    card             BLOB NOT NULL CHECK (length(card) BETWEEN 2 AND 1048576),
    CONSTRAINT a2a_cards_endpoint UNIQUE (owner_id, endpoint)
) STRICT, WITHOUT ROWID;
-- Of those that share an endpoint, the first one keeps its card.
INSERT OR IGNORE INTO a2a_cards_of_endpoints (agent_id, owner_id, endpoint, url, signature, signature_detail, fetched_at, card)
SELECT agent_id, owner_id, endpoint, url, signature, signature_detail, fetched_at, card FROM a2a_cards ORDER BY agent_id;
DROP TABLE a2a_cards;
ALTER TABLE a2a_cards_of_endpoints RENAME TO a2a_cards;
