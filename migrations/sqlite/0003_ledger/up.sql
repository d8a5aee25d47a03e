-- Money. What may go below zero, who may act and in what order refusals come are rules of the program; what must never
-- be wrong in these tables, whoever writes them, is written here.

-- `no` is the short name that other rows of the ledger use: a few bytes, where `id` takes sixteen. Owners and agents
-- are not referred to by foreign keys: the ledger outlives them, and can be used without them.
-- No index holds a balance or a time: an account that is paid a thousand times a second must not move in any index.
CREATE TABLE ledger_accounts (
    no          INTEGER PRIMARY KEY,
    id          BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    owner_id    BLOB,
    agent_id    BLOB,
    asset       TEXT NOT NULL CHECK (asset IN ('CREDIT', 'USDC')),
    code        TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 32),
    state       TEXT NOT NULL CHECK (state IN ('open', 'frozen', 'closed')),
    -- How far below zero it may go, in minor units. NULL: as far as it likes.
    overdraft   INTEGER CHECK (overdraft >= 0),
    balance     INTEGER NOT NULL DEFAULT 0,
    held_out    INTEGER NOT NULL DEFAULT 0 CHECK (held_out >= 0),
    held_in     INTEGER NOT NULL DEFAULT 0 CHECK (held_in >= 0),
    entry_count INTEGER NOT NULL DEFAULT 0 CHECK (entry_count >= 0),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    CONSTRAINT ledger_accounts_covered CHECK (overdraft IS NULL OR balance - held_out + overdraft >= 0)
) STRICT;
CREATE UNIQUE INDEX ledger_accounts_user ON ledger_accounts (owner_id, asset) WHERE code = 'user';
CREATE UNIQUE INDEX ledger_accounts_agent ON ledger_accounts (agent_id, asset) WHERE agent_id IS NOT NULL;
CREATE INDEX ledger_accounts_owner ON ledger_accounts (owner_id, asset, code) WHERE owner_id IS NOT NULL;

-- One row is one transfer *and* its two entries, so that no entry can exist without its counterpart. Per account the
-- entries are numbered 1, 2, 3, …; each keeps the balance after it.
CREATE TABLE ledger_transfers (
    no             INTEGER PRIMARY KEY,
    id             BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    amount         INTEGER NOT NULL CHECK (amount > 0),
    debit_no       INTEGER NOT NULL REFERENCES ledger_accounts (no),
    debit_seq      INTEGER NOT NULL CHECK (debit_seq > 0),
    debit_balance  INTEGER NOT NULL,
    credit_no      INTEGER NOT NULL REFERENCES ledger_accounts (no),
    credit_seq     INTEGER NOT NULL CHECK (credit_seq > 0),
    credit_balance INTEGER NOT NULL,
    -- What several transfers have in common. NULL: nothing but themselves.
    reference_id   BLOB,
    reverses       BLOB REFERENCES ledger_transfers (id),
    created_at     INTEGER NOT NULL,
    kind           INTEGER NOT NULL,
    memo           TEXT
) STRICT;
CREATE UNIQUE INDEX ledger_transfers_debit ON ledger_transfers (debit_no, debit_seq);
CREATE UNIQUE INDEX ledger_transfers_credit ON ledger_transfers (credit_no, credit_seq);
CREATE UNIQUE INDEX ledger_transfers_reverses ON ledger_transfers (reverses) WHERE reverses IS NOT NULL;

CREATE TRIGGER ledger_transfers_no_update BEFORE UPDATE ON ledger_transfers
BEGIN SELECT RAISE(ABORT, 'the ledger is append only'); END;
CREATE TRIGGER ledger_transfers_no_delete BEFORE DELETE ON ledger_transfers
BEGIN SELECT RAISE(ABORT, 'the ledger is append only'); END;

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
    id            BLOB PRIMARY KEY CHECK (length(id) = 16),
    debit_no      INTEGER NOT NULL REFERENCES ledger_accounts (no),
    credit_no     INTEGER NOT NULL REFERENCES ledger_accounts (no),
    amount        INTEGER NOT NULL CHECK (amount > 0),
    kind          INTEGER NOT NULL,
    reference_id  BLOB,
    memo          TEXT,
    state         TEXT NOT NULL CHECK (state IN ('pending', 'posted', 'voided', 'expired')),
    posted_amount INTEGER CHECK (posted_amount BETWEEN 1 AND amount),
    transfer_id   BLOB REFERENCES ledger_transfers (id),
    expires_at    INTEGER,
    created_at    INTEGER NOT NULL,
    resolved_at   INTEGER,
    CHECK ((state = 'pending') = (resolved_at IS NULL)),
    CHECK ((state = 'posted') = (posted_amount IS NOT NULL)),
    CHECK ((state = 'posted') = (transfer_id IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_holds_due ON ledger_holds (expires_at) WHERE state = 'pending';

-- Credits bought with money of another world. The transfer of a completed purchase has the purchase's id.
CREATE TABLE ledger_purchases (
    id                 BLOB PRIMARY KEY CHECK (length(id) = 16),
    account_id         BLOB NOT NULL REFERENCES ledger_accounts (id),
    package_id         TEXT NOT NULL,
    credits            INTEGER NOT NULL CHECK (credits > 0),
    price_cents        INTEGER NOT NULL CHECK (price_cents >= 0),
    status             TEXT NOT NULL CHECK (status IN ('pending', 'completed', 'failed')),
    provider           TEXT NOT NULL,
    provider_reference TEXT NOT NULL UNIQUE,
    checkout_url       TEXT,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The accounts of the house, by ids that the program knows. Only issuance and purchases stand for the world outside and
-- go below zero; the sum over all accounts of an asset is zero.
INSERT INTO ledger_accounts (id, asset, code, state, overdraft, created_at, updated_at)
SELECT unhex('0000000000008000800000000000' || asset.digits || code.digits), asset.name, code.name, 'open', code.overdraft,
       CAST(unixepoch('subsec') * 1000000 AS INTEGER), CAST(unixepoch('subsec') * 1000000 AS INTEGER)
FROM (SELECT 'CREDIT' AS name, '01' AS digits UNION ALL SELECT 'USDC', '02') AS asset,
     (SELECT 'issuance' AS name, '01' AS digits, NULL AS overdraft
      UNION ALL SELECT 'purchases', '02', NULL
      UNION ALL SELECT 'clearing', '03', 0
      UNION ALL SELECT 'escrow', '04', 0
      UNION ALL SELECT 'fees', '05', 0
      UNION ALL SELECT 'payouts', '06', 0) AS code
ORDER BY 1;
