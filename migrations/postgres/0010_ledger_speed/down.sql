ALTER TABLE ledger_transfers ADD CONSTRAINT ledger_transfers_credit_no_fkey FOREIGN KEY (credit_no) REFERENCES ledger_accounts (no);
ALTER TABLE ledger_transfers ADD CONSTRAINT ledger_transfers_debit_no_fkey FOREIGN KEY (debit_no) REFERENCES ledger_accounts (no);
DROP TRIGGER ledger_transfers_accounts ON ledger_transfers;
DROP FUNCTION ledger_require_accounts();
DROP TRIGGER ledger_accounts_no_renumbering ON ledger_accounts;
DROP TRIGGER ledger_accounts_no_truncate ON ledger_accounts;
DROP TRIGGER ledger_accounts_no_delete ON ledger_accounts;
DROP FUNCTION ledger_refuse_removal();
