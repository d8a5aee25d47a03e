DROP TABLE free_calls;
DROP TABLE usage_records;
