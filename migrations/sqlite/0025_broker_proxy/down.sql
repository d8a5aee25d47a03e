DROP TABLE deposits;
ALTER TABLE services DROP COLUMN timeout_seconds;
ALTER TABLE usage_records DROP COLUMN commission;
