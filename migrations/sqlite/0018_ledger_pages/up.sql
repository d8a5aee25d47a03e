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

-- Page by page, by the old indexes: to sort the whole journal would take more memory than there may be.
WITH RECURSIVE pages (account_no, page, count) AS (
    SELECT no, 0, entry_count / 16 FROM ledger_accounts WHERE entry_count >= 16
    UNION ALL
    SELECT account_no, page + 1, count FROM pages WHERE page + 1 < count
)
INSERT INTO ledger_pages (account_no, page, lines)
SELECT account_no, page, (
    SELECT group_concat(printf('%012d', line), '' ORDER BY seq)
    FROM (SELECT debit_seq AS seq, 2 * t.no AS line FROM ledger_transfers AS t
          WHERE t.debit_no = account_no AND t.debit_seq BETWEEN page * 16 + 1 AND page * 16 + 16
          UNION ALL
          SELECT credit_seq, 2 * t.no + 1 FROM ledger_transfers AS t
          WHERE t.credit_no = account_no AND t.credit_seq BETWEEN page * 16 + 1 AND page * 16 + 16)
) FROM pages;

UPDATE ledger_accounts SET recent = (
    SELECT COALESCE(group_concat(printf('%012d', line), '' ORDER BY seq), '')
    FROM (SELECT debit_seq AS seq, 2 * t.no AS line FROM ledger_transfers AS t
          WHERE t.debit_no = ledger_accounts.no AND t.debit_seq > ledger_accounts.entry_count / 16 * 16
          UNION ALL
          SELECT credit_seq, 2 * t.no + 1 FROM ledger_transfers AS t
          WHERE t.credit_no = ledger_accounts.no AND t.credit_seq > ledger_accounts.entry_count / 16 * 16)
) WHERE entry_count % 16 > 0;

-- What an account names and what it counts cannot part, whoever writes: a process of an older version that still has the file
-- open fails rather than leave an entry out. A CHECK of a column that refers to another one comes with the table's text
-- (https://sqlite.org/lang_altertable.html, "Making Other Kinds Of Table Schema Changes"); no stored row changes.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'recent TEXT NOT NULL DEFAULT ''''',
    'recent TEXT NOT NULL DEFAULT '''' CHECK (length(recent) = entry_count % 16 * 12)')
WHERE type = 'table' AND name = 'ledger_accounts';
PRAGMA writable_schema = RESET;
DROP INDEX ledger_transfers_debit;
DROP INDEX ledger_transfers_credit;

CREATE TRIGGER ledger_pages_no_update BEFORE UPDATE ON ledger_pages
BEGIN SELECT RAISE(ABORT, 'the ledger is append only'); END;
CREATE TRIGGER ledger_pages_no_delete BEFORE DELETE ON ledger_pages
BEGIN SELECT RAISE(ABORT, 'the ledger is append only'); END;
