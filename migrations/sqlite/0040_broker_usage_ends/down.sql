DROP INDEX usage_by_end;
CREATE INDEX usage_by_end ON usage_records (finished_at, delivered, service_id, latency_ms);
