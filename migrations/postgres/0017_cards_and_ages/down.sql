DROP INDEX execution_attempts_child;
DROP INDEX executions_ended;
DROP INDEX a2a_tasks_rested;
DROP INDEX a2a_cards_url;
ALTER TABLE a2a_cards DROP CONSTRAINT a2a_cards_name;
-- Of those that share an endpoint, the first one keeps its card.
DELETE FROM a2a_cards AS c USING a2a_cards AS o
    WHERE o.owner_id = c.owner_id AND o.endpoint = c.endpoint AND o.agent_id < c.agent_id;
ALTER TABLE a2a_cards ADD CONSTRAINT a2a_cards_endpoint UNIQUE (owner_id, endpoint);
ALTER TABLE a2a_cards DROP COLUMN name;
