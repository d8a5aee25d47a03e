DROP INDEX executions_unbegun;
