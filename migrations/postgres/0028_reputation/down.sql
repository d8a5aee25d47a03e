DROP INDEX usage_uncounted;
ALTER TABLE usage_records DROP COLUMN is_counted;
DROP TABLE reputation_records;
