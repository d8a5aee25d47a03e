DROP TABLE kept_answers;
-- What was kept was kept for the oldest debts: they are paid.
UPDATE deposits SET owed = left_over.owed
FROM (
    SELECT id, greatest(0, least(owed,
        sum(owed) OVER (PARTITION BY owner_id ORDER BY created_at, id) - sum(kept) OVER (PARTITION BY owner_id))) AS owed
    FROM deposits
) AS left_over
WHERE left_over.id = deposits.id AND left_over.owed <> deposits.owed;
ALTER TABLE deposits DROP COLUMN kept;
DROP TABLE depositors;
DROP TABLE usage_days;
