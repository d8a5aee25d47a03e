-- A call that has not ended is in no sum over calls that have: one page less is written when it begins, and one when it ends.
DROP INDEX usage_by_end;
CREATE INDEX usage_by_end ON usage_records (finished_at, delivered, service_id, latency_ms) WHERE finished_at IS NOT NULL;
