CREATE INDEX webhook_deliveries_queue ON webhook_deliveries (webhook_id, seq) WHERE status = 'pending';
DROP INDEX webhook_deliveries_again;
DROP INDEX webhook_deliveries_first;
