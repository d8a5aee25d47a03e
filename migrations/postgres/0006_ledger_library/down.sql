-- Accounts of assets that the migration before does not know, capped accounts, and what is written in the new columns,
-- stay as they are in the old schema's eyes: the columns go, the wider CHECK on the asset stays.
DROP TABLE ledger_seals;
DROP TRIGGER ledger_accounts_terms ON ledger_accounts;
DROP FUNCTION ledger_refuse_terms();
DROP INDEX ledger_holds_credit_resolved;
DROP INDEX ledger_holds_debit_resolved;
DROP INDEX ledger_holds_credit;
DROP INDEX ledger_holds_debit;
DROP VIEW ledger_entries;
ALTER TABLE ledger_holds DROP COLUMN metadata;
DROP INDEX ledger_transfers_credit_effective;
DROP INDEX ledger_transfers_debit_effective;
DROP INDEX ledger_transfers_reference;
ALTER TABLE ledger_transfers DROP COLUMN metadata;
ALTER TABLE ledger_transfers DROP COLUMN balancing;
ALTER TABLE ledger_transfers DROP COLUMN at_most;
ALTER TABLE ledger_transfers DROP COLUMN effective_at;
ALTER TABLE ledger_accounts DROP COLUMN credits_capped;
CREATE VIEW ledger_entries AS
SELECT debit_no AS account_no, debit_seq AS seq, id AS transfer_id, -amount AS amount, debit_balance AS balance_after,
       kind, reference_id, memo, reverses, created_at
FROM ledger_transfers
UNION ALL
SELECT credit_no, credit_seq, id, amount, credit_balance, kind, reference_id, memo, reverses, created_at
FROM ledger_transfers;
