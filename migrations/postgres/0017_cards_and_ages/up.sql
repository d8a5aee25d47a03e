-- Several agents may share an endpoint: what tells their cards apart is the name, as the card has it; the agent's owner may call
-- it otherwise.
ALTER TABLE a2a_cards ADD COLUMN name text CHECK (length(name) BETWEEN 1 AND 255);
UPDATE a2a_cards SET name = agents.name FROM agents WHERE agents.id = a2a_cards.agent_id;
ALTER TABLE a2a_cards ALTER COLUMN name SET NOT NULL;
ALTER TABLE a2a_cards DROP CONSTRAINT a2a_cards_endpoint;
ALTER TABLE a2a_cards ADD CONSTRAINT a2a_cards_name UNIQUE (owner_id, endpoint, name);
CREATE INDEX a2a_cards_url ON a2a_cards (owner_id, url, fetched_at);

-- Tasks and runs that are over are forgotten after a while.
CREATE INDEX a2a_tasks_rested ON a2a_tasks (status_at, id) WHERE runner_id IS NULL;
CREATE INDEX executions_ended ON executions (completed_at, id) WHERE completed_at IS NOT NULL;
CREATE INDEX execution_attempts_child ON execution_attempts (child_execution_id) WHERE child_execution_id IS NOT NULL;
