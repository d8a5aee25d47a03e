-- Where the entries of an account are. Two unique indexes said so, on (account, number) of either side. Each transfer was
-- entered in both, at places that had nothing to do with each other: two thirds of the time that a batch took, more the longer
-- the ledger became, and as many pages of the log as there were transfers.
--
-- Now the row of an account, which is written with each of its entries anyway, names its newest ones, and sixteen at a time
-- become a page that is written once. An entry is named by its line in the journal, in twelve digits: twice the number of its
-- transfer, and one more if it is the credit. `crates/ledger/src/sql/places.rs` reads them.
ALTER TABLE ledger_accounts ADD COLUMN recent TEXT NOT NULL DEFAULT '';
CREATE TABLE ledger_pages (
    account_no INTEGER NOT NULL REFERENCES ledger_accounts (no),
    -- The first has the entries 1 to 16.
    page       INTEGER NOT NULL CHECK (page >= 0),
    lines      TEXT NOT NULL CHECK (length(lines) = 192),
    PRIMARY KEY (account_no, page)
) STRICT, WITHOUT ROWID;

INSERT INTO ledger_pages (account_no, page, lines)
SELECT account_no, (seq - 1) / 16, group_concat(printf('%012d', line), '' ORDER BY seq)
FROM (SELECT debit_no AS account_no, debit_seq AS seq, 2 * no AS line FROM ledger_transfers
      UNION ALL
      SELECT credit_no, credit_seq, 2 * no + 1 FROM ledger_transfers)
GROUP BY account_no, (seq - 1) / 16 HAVING count(*) = 16;

UPDATE ledger_accounts SET recent = (
    SELECT COALESCE(group_concat(printf('%012d', line), '' ORDER BY seq), '')
    FROM (SELECT debit_seq AS seq, 2 * t.no AS line FROM ledger_transfers AS t
          WHERE t.debit_no = ledger_accounts.no AND t.debit_seq > ledger_accounts.entry_count / 16 * 16
          UNION ALL
          SELECT credit_seq, 2 * t.no + 1 FROM ledger_transfers AS t
          WHERE t.credit_no = ledger_accounts.no AND t.credit_seq > ledger_accounts.entry_count / 16 * 16)
) WHERE entry_count % 16 > 0;

DROP INDEX ledger_transfers_debit;
DROP INDEX ledger_transfers_credit;

CREATE TRIGGER ledger_pages_no_update BEFORE UPDATE ON ledger_pages
BEGIN SELECT RAISE(ABORT, 'the ledger is append only'); END;
CREATE TRIGGER ledger_pages_no_delete BEFORE DELETE ON ledger_pages
BEGIN SELECT RAISE(ABORT, 'the ledger is append only'); END;
