DROP TABLE ledger_purchases;
DROP TABLE ledger_holds;
DROP VIEW ledger_entries;
DROP TABLE ledger_transfers;
DROP TABLE ledger_accounts;
