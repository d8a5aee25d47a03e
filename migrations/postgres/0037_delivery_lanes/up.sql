-- What waits in a lane is found without what may not be sent yet: first attempts in their order, and what is sent again by when it is due.
CREATE INDEX webhook_deliveries_first ON webhook_deliveries (webhook_id, seq) WHERE status = 'pending' AND tries = 0;
CREATE INDEX webhook_deliveries_again ON webhook_deliveries (webhook_id, due_at) WHERE status = 'pending' AND tries > 0;
-- Whatever else asks for what is pending has webhook_deliveries_by_status.
DROP INDEX webhook_deliveries_queue;
