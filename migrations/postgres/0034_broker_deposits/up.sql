-- What brings a deposit has a payment of its own for it: a capture, or the payment of an invoice.
ALTER TABLE deposits ADD COLUMN rail_payment text;
-- What there is to say about it: why it failed, or what was paid instead.
ALTER TABLE deposits ADD COLUMN note text;
-- When to ask what brings it what became of it; NULL when that is known, or nobody can be asked. And how often that was done.
ALTER TABLE deposits ADD COLUMN ask_at timestamptz;
ALTER TABLE deposits ADD COLUMN asks integer NOT NULL DEFAULT 0;
-- When it became known that the payer has the money back.
ALTER TABLE deposits ADD COLUMN returned_at timestamptz;
CREATE INDEX deposits_to_ask ON deposits (ask_at, id) WHERE ask_at IS NOT NULL;
CREATE INDEX deposits_of_owner ON deposits (owner_id, created_at, id);
-- How much of what was credited the payer has back, and how much of that was spent already and is owed.
ALTER TABLE deposits ADD COLUMN returned bigint NOT NULL DEFAULT 0;
ALTER TABLE deposits ADD COLUMN owed bigint NOT NULL DEFAULT 0;
-- When what brings it was last asked at its owner's wish.
ALTER TABLE deposits ADD COLUMN asked_at timestamptz;
-- The payments for a deposit: there may be several, and each stands where it stands.
CREATE TABLE deposit_payments (
    rail text NOT NULL,
    payment text NOT NULL,
    deposit_id uuid NOT NULL REFERENCES deposits (id),
    status text NOT NULL,
    returned bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (rail, payment)
);
CREATE INDEX deposit_payments_of_deposit ON deposit_payments (deposit_id, created_at, payment);
-- What went back to payers: each refund once.
CREATE TABLE deposit_refunds (
    rail text NOT NULL,
    refund text NOT NULL,
    deposit_id uuid NOT NULL REFERENCES deposits (id),
    payment text NOT NULL,
    amount bigint NOT NULL,
    taken bigint NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (rail, refund)
);
CREATE INDEX deposit_refunds_of_deposit ON deposit_refunds (deposit_id);
