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
CREATE INDEX deposits_of_owner ON deposits (owner_id, created_at, id);
-- How much of what was credited the payer has back, and how much of that was spent already and is owed.
ALTER TABLE deposits ADD COLUMN returned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deposits ADD COLUMN owed INTEGER NOT NULL DEFAULT 0;
-- When what brings it was last asked at its owner's wish.
ALTER TABLE deposits ADD COLUMN asked_at INTEGER;
-- The payments for a deposit: there may be several, and each stands where it stands.
CREATE TABLE deposit_payments (
    rail TEXT NOT NULL,
    payment TEXT NOT NULL,
    deposit_id BLOB NOT NULL REFERENCES deposits (id),
    status TEXT NOT NULL,
    returned INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (rail, payment)
) STRICT, WITHOUT ROWID;
CREATE INDEX deposit_payments_of_deposit ON deposit_payments (deposit_id, created_at, payment);
-- What went back to payers: each refund once.
CREATE TABLE deposit_refunds (
    rail TEXT NOT NULL,
    refund TEXT NOT NULL,
    deposit_id BLOB NOT NULL REFERENCES deposits (id),
    payment TEXT NOT NULL,
    amount INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (rail, refund)
) STRICT, WITHOUT ROWID;
CREATE INDEX deposit_refunds_of_deposit ON deposit_refunds (deposit_id);
