-- Money. What may go below zero, who may act and in what order refusals come are rules of the program; what must never
-- be wrong in these tables, whoever writes them, is written here.

-- `no` is the short name that other rows of the ledger use: eight bytes, where `id` takes sixteen. Owners and agents
-- are not referred to by foreign keys: the ledger outlives them, and can be used without them.
-- No index holds a balance or a time, and pages keep room for new versions of a row: an account that is paid a thousand
-- times a second must not move in any index (heap-only updates).
CREATE TABLE ledger_accounts (
    no          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          uuid NOT NULL UNIQUE,
    owner_id    uuid,
    agent_id    uuid,
    asset       text NOT NULL CHECK (asset IN ('CREDIT', 'USDC')),
    code        text NOT NULL CHECK (length(code) BETWEEN 1 AND 32),
    state       text NOT NULL CHECK (state IN ('open', 'frozen', 'closed')),
    -- How far below zero it may go, in minor units. NULL: as far as it likes.
    overdraft   bigint CHECK (overdraft >= 0),
    balance     bigint NOT NULL DEFAULT 0,
    held_out    bigint NOT NULL DEFAULT 0 CHECK (held_out >= 0),
    held_in     bigint NOT NULL DEFAULT 0 CHECK (held_in >= 0),
    entry_count bigint NOT NULL DEFAULT 0 CHECK (entry_count >= 0),
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    CONSTRAINT ledger_accounts_covered CHECK (overdraft IS NULL OR balance - held_out + overdraft >= 0)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX ledger_accounts_user ON ledger_accounts (owner_id, asset) WHERE code = 'user';
CREATE UNIQUE INDEX ledger_accounts_agent ON ledger_accounts (agent_id, asset) WHERE agent_id IS NOT NULL;
CREATE INDEX ledger_accounts_owner ON ledger_accounts (owner_id, asset, code) WHERE owner_id IS NOT NULL;

-- One row is one transfer *and* its two entries, so that no entry can exist without its counterpart. Per account the
-- entries are numbered 1, 2, 3, …; each keeps the balance after it.
CREATE TABLE ledger_transfers (
    no             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id             uuid NOT NULL UNIQUE,
    amount         bigint NOT NULL CHECK (amount > 0),
    debit_no       bigint NOT NULL REFERENCES ledger_accounts (no),
    debit_seq      bigint NOT NULL CHECK (debit_seq > 0),
    debit_balance  bigint NOT NULL,
    credit_no      bigint NOT NULL REFERENCES ledger_accounts (no),
    credit_seq     bigint NOT NULL CHECK (credit_seq > 0),
    credit_balance bigint NOT NULL,
    -- What several transfers have in common. NULL: nothing but themselves.
    reference_id   uuid,
    reverses       uuid REFERENCES ledger_transfers (id),
    created_at     timestamptz NOT NULL,
    kind           integer NOT NULL,
    memo           text
);
CREATE UNIQUE INDEX ledger_transfers_debit ON ledger_transfers (debit_no, debit_seq);
CREATE UNIQUE INDEX ledger_transfers_credit ON ledger_transfers (credit_no, credit_seq);
CREATE UNIQUE INDEX ledger_transfers_reverses ON ledger_transfers (reverses) WHERE reverses IS NOT NULL;

CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the ledger is append only'; END $$;
CREATE TRIGGER ledger_transfers_no_update BEFORE UPDATE ON ledger_transfers
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_transfers_no_delete BEFORE DELETE ON ledger_transfers
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_transfers_no_truncate BEFORE TRUNCATE ON ledger_transfers
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

-- The books as an accountant reads them: two signed lines to a transfer.
CREATE VIEW ledger_entries AS
SELECT debit_no AS account_no, debit_seq AS seq, id AS transfer_id, -amount AS amount, debit_balance AS balance_after,
       kind, reference_id, memo, reverses, created_at
FROM ledger_transfers
UNION ALL
SELECT credit_no, credit_seq, id, amount, credit_balance, kind, reference_id, memo, reverses, created_at
FROM ledger_transfers;

-- Money set aside for a movement that may still be voided.
CREATE TABLE ledger_holds (
    id            uuid PRIMARY KEY,
    debit_no      bigint NOT NULL REFERENCES ledger_accounts (no),
    credit_no     bigint NOT NULL REFERENCES ledger_accounts (no),
    amount        bigint NOT NULL CHECK (amount > 0),
    kind          integer NOT NULL,
    reference_id  uuid,
    memo          text,
    state         text NOT NULL CHECK (state IN ('pending', 'posted', 'voided', 'expired')),
    posted_amount bigint CHECK (posted_amount BETWEEN 1 AND amount),
    transfer_id   uuid REFERENCES ledger_transfers (id),
    expires_at    timestamptz,
    created_at    timestamptz NOT NULL,
    resolved_at   timestamptz,
    CHECK ((state = 'pending') = (resolved_at IS NULL)),
    CHECK ((state = 'posted') = (posted_amount IS NOT NULL)),
    CHECK ((state = 'posted') = (transfer_id IS NOT NULL))
);
CREATE INDEX ledger_holds_due ON ledger_holds (expires_at) WHERE state = 'pending';

-- Credits bought with money of another world. The transfer of a completed purchase has the purchase's id.
CREATE TABLE ledger_purchases (
    id                 uuid PRIMARY KEY,
    account_id         uuid NOT NULL REFERENCES ledger_accounts (id),
    package_id         text NOT NULL,
    credits            bigint NOT NULL CHECK (credits > 0),
    price_cents        bigint NOT NULL CHECK (price_cents >= 0),
    status             text NOT NULL CHECK (status IN ('pending', 'completed', 'failed')),
    provider           text NOT NULL,
    provider_reference text NOT NULL UNIQUE,
    checkout_url       text,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL
);

-- The accounts of the house, by ids that the program knows. Only issuance and purchases stand for the world outside and
-- go below zero; the sum over all accounts of an asset is zero.
INSERT INTO ledger_accounts (id, asset, code, state, overdraft, created_at, updated_at)
SELECT ('0000000000008000800000000000' || asset.digits || code.digits)::uuid, asset.name, code.name, 'open', code.overdraft,
       now(), now()
FROM (VALUES ('CREDIT', '01'), ('USDC', '02')) AS asset (name, digits),
     (VALUES ('issuance', '01', NULL::bigint), ('purchases', '02', NULL), ('clearing', '03', 0), ('escrow', '04', 0),
             ('fees', '05', 0), ('payouts', '06', 0)) AS code (name, digits, overdraft)
ORDER BY 1;
