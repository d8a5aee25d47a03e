DROP INDEX executions_inside;
ALTER TABLE executions DROP COLUMN root_id;
