DROP TABLE kept_answers;
ALTER TABLE deposits DROP COLUMN kept;
DROP TABLE depositors;
DROP TABLE usage_days;
