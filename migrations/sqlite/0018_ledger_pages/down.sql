CREATE UNIQUE INDEX ledger_transfers_debit ON ledger_transfers (debit_no, debit_seq);
CREATE UNIQUE INDEX ledger_transfers_credit ON ledger_transfers (credit_no, credit_seq);
DROP TABLE ledger_pages;
ALTER TABLE ledger_accounts DROP COLUMN recent;
