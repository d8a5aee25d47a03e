-- What brings a deposit has a payment of its own for it: a capture, or the payment of an invoice.
ALTER TABLE deposits ADD COLUMN rail_payment TEXT;
-- What there is to say about it: why it failed, or what was paid instead.
ALTER TABLE deposits ADD COLUMN note TEXT;
-- When to ask what brings it what became of it; NULL when that is known, or nobody can be asked. And how often that was done.
ALTER TABLE deposits ADD COLUMN ask_at INTEGER;
ALTER TABLE deposits ADD COLUMN asks INTEGER NOT NULL DEFAULT 0;
-- When it became known that the payer has the money back.
ALTER TABLE deposits ADD COLUMN returned_at INTEGER;
CREATE INDEX deposits_to_ask ON deposits (ask_at, id) WHERE ask_at IS NOT NULL;
CREATE INDEX deposits_by_payment ON deposits (rail, rail_payment) WHERE rail_payment IS NOT NULL;
CREATE INDEX deposits_of_owner ON deposits (owner_id, created_at, id);
