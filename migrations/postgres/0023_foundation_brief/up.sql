-- Events that are told and then not kept as long as the others: those of simulations, which are many.
ALTER TABLE outbox ADD COLUMN brief boolean NOT NULL DEFAULT FALSE;
CREATE INDEX outbox_brief ON outbox (occurred_at) WHERE brief;
