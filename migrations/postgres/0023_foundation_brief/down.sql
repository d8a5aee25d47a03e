DROP INDEX outbox_brief;
ALTER TABLE outbox DROP COLUMN brief;
