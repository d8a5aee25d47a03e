-- As on PostgreSQL, where foreign keys made way for it: an account never goes, even one that nothing refers to.
CREATE TRIGGER ledger_accounts_no_delete BEFORE DELETE ON ledger_accounts
BEGIN SELECT RAISE(ABORT, 'an account of the ledger is never removed'); END;
CREATE TRIGGER ledger_accounts_no_renumbering BEFORE UPDATE OF no ON ledger_accounts
BEGIN SELECT RAISE(ABORT, 'the terms of an account never change'); END;
