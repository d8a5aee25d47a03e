DROP TABLE execution_attempts;
DROP TABLE execution_steps;
DROP TABLE tasks;
DROP TABLE executions;
DROP TABLE workflow_versions;
DROP TABLE workflows;
