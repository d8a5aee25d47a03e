-- The outermost run that a run is inside of: how many are inside of one is bounded, and they are called off together.
ALTER TABLE executions ADD COLUMN root_id uuid REFERENCES executions (id);

WITH RECURSIVE trees (id, root) AS (
    SELECT inside.id, outside.id FROM executions AS inside JOIN executions AS outside ON outside.id = inside.parent_id
        WHERE outside.parent_id IS NULL
    UNION ALL
    SELECT inside.id, trees.root FROM trees JOIN executions AS inside ON inside.parent_id = trees.id
)
UPDATE executions SET root_id = trees.root FROM trees WHERE trees.id = executions.id;

CREATE INDEX executions_inside ON executions (root_id, status) WHERE root_id IS NOT NULL;
