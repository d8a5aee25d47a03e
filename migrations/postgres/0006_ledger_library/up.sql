-- What a ledger needs that others embed: their own assets, both limits, backdating, metadata, seals.

ALTER TABLE ledger_accounts DROP CONSTRAINT ledger_accounts_asset_check;
ALTER TABLE ledger_accounts ADD CHECK (length(asset) BETWEEN 1 AND 12);
-- The mirror of the overdraft: what the account has been given stays below what it has given (a loan, a stock).
ALTER TABLE ledger_accounts ADD COLUMN credits_capped boolean NOT NULL DEFAULT FALSE;
ALTER TABLE ledger_accounts ADD CONSTRAINT ledger_accounts_capped CHECK (NOT credits_capped OR balance + held_in <= 0);
-- Whose an account is, and what it may do, never changes: what a process remembers of it stays true.
CREATE FUNCTION ledger_refuse_terms() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the terms of an account never change'; END $$;
CREATE TRIGGER ledger_accounts_terms BEFORE UPDATE OF owner_id, agent_id, asset, code, overdraft, credits_capped
    ON ledger_accounts FOR EACH ROW
    WHEN ((OLD.owner_id, OLD.agent_id, OLD.asset, OLD.code, OLD.overdraft, OLD.credits_capped)
        IS DISTINCT FROM (NEW.owner_id, NEW.agent_id, NEW.asset, NEW.code, NEW.overdraft, NEW.credits_capped))
    EXECUTE FUNCTION ledger_refuse_terms();

-- When it counts from, if that is not when it was written. It only ever lies in the past.
ALTER TABLE ledger_transfers ADD COLUMN effective_at timestamptz CHECK (effective_at <= created_at);
-- A balancing transfer: what was asked for, at most, and which account set the bound (1: debit, 2: credit).
ALTER TABLE ledger_transfers ADD COLUMN at_most bigint CHECK (at_most >= amount);
ALTER TABLE ledger_transfers ADD COLUMN balancing smallint CHECK (balancing IN (1, 2));
ALTER TABLE ledger_transfers ADD CHECK ((at_most IS NULL) = (balancing IS NULL));
ALTER TABLE ledger_transfers ADD COLUMN metadata jsonb;
CREATE INDEX ledger_transfers_reference ON ledger_transfers (reference_id, no) WHERE reference_id IS NOT NULL;
-- Few transfers are backdated; a balance at a time has to find those.
CREATE INDEX ledger_transfers_debit_effective ON ledger_transfers (debit_no, effective_at) WHERE effective_at IS NOT NULL;
CREATE INDEX ledger_transfers_credit_effective ON ledger_transfers (credit_no, effective_at) WHERE effective_at IS NOT NULL;

DROP VIEW ledger_entries;
CREATE VIEW ledger_entries AS
SELECT debit_no AS account_no, debit_seq AS seq, id AS transfer_id, -amount AS amount, debit_balance AS balance_after,
       kind, reference_id, memo, metadata, reverses, created_at, COALESCE(effective_at, created_at) AS effective_at
FROM ledger_transfers
UNION ALL
SELECT credit_no, credit_seq, id, amount, credit_balance, kind, reference_id, memo, metadata, reverses, created_at,
       COALESCE(effective_at, created_at)
FROM ledger_transfers;

ALTER TABLE ledger_holds ADD COLUMN metadata jsonb;
-- The holds of an account: to list them, by when they were made; and, by when they ended, to say what was held at a time
-- without reading all that ended before it.
CREATE INDEX ledger_holds_debit ON ledger_holds (debit_no, created_at);
CREATE INDEX ledger_holds_credit ON ledger_holds (credit_no, created_at);
CREATE INDEX ledger_holds_debit_resolved ON ledger_holds (debit_no, resolved_at);
CREATE INDEX ledger_holds_credit_resolved ON ledger_holds (credit_no, resolved_at);

-- Seals: a chain of hashes over ranges of the journal, written behind it. `digests` has eight bytes of the SHA-256 of
-- each transfer of the range, so that the one that was changed can be named.
CREATE TABLE ledger_seals (
    no        bigint PRIMARY KEY CHECK (no > 0),
    first_no  bigint NOT NULL,
    last_no   bigint NOT NULL CHECK (last_no >= first_no),
    transfers bigint NOT NULL CHECK (transfers > 0),
    digests   bytea NOT NULL CHECK (length(digests) = 8 * transfers),
    previous  bytea NOT NULL CHECK (length(previous) = 32),
    hash      bytea NOT NULL CHECK (length(hash) = 32),
    sealed_at timestamptz NOT NULL
);
CREATE TRIGGER ledger_seals_no_update BEFORE UPDATE ON ledger_seals FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_seals_no_delete BEFORE DELETE ON ledger_seals FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_seals_no_truncate BEFORE TRUNCATE ON ledger_seals
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
