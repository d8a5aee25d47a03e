SELECT 'dead job ' || name || ': ' || COALESCE(last_error, '') AS what FROM jobs WHERE state = 'dead';

SELECT 'the entries of ' || a.asset || ' sum to ' || CAST(SUM(e.amount) AS TEXT) AS what
FROM ledger_entries e JOIN ledger_accounts a ON a.no = e.account_no
GROUP BY a.asset HAVING SUM(e.amount) <> 0;

SELECT a.code || ' account ' || CAST(a.no AS TEXT) || ': balance ' || CAST(a.balance AS TEXT) || ' after '
    || CAST(a.entry_count AS TEXT) || ' entries, but there are ' || CAST(COALESCE(e.entries, 0) AS TEXT)
    || ' that sum to ' || CAST(COALESCE(e.total, 0) AS TEXT) AS what
FROM ledger_accounts a
LEFT JOIN (SELECT account_no, COUNT(*) AS entries, SUM(amount) AS total FROM ledger_entries GROUP BY account_no) e
    ON e.account_no = a.no
WHERE a.balance <> COALESCE(e.total, 0) OR a.entry_count <> COALESCE(e.entries, 0);

SELECT 'account ' || CAST(account_no AS TEXT) || ', entry ' || CAST(seq AS TEXT) || ': balance after it '
    || CAST(balance_after AS TEXT) || ', expected ' || CAST(total AS TEXT) AS what
FROM (SELECT account_no, seq, balance_after,
             SUM(amount) OVER (PARTITION BY account_no ORDER BY seq) AS total,
             ROW_NUMBER() OVER (PARTITION BY account_no ORDER BY seq) AS place
      FROM ledger_entries) AS chain
WHERE balance_after <> total OR seq <> place;

SELECT a.code || ' account ' || CAST(a.no AS TEXT) || ': held out ' || CAST(a.held_out AS TEXT) || ', in '
    || CAST(a.held_in AS TEXT) || ', but its pending holds say otherwise' AS what
FROM ledger_accounts a
WHERE a.held_out <> (SELECT COALESCE(SUM(amount), 0) FROM ledger_holds WHERE state = 'pending' AND debit_no = a.no)
   OR a.held_in <> (SELECT COALESCE(SUM(amount), 0) FROM ledger_holds WHERE state = 'pending' AND credit_no = a.no);

SELECT a.code || ' account ' || CAST(a.no AS TEXT) || ' is overdrawn: ' || CAST(a.balance - a.held_out AS TEXT) AS what
FROM ledger_accounts a WHERE a.balance - a.held_out + a.overdraft < 0;

SELECT 'purchase of ' || p.package_id || ' is ' || p.status || ', but its transfer says otherwise' AS what
FROM ledger_purchases p LEFT JOIN ledger_transfers t ON t.reference_id = p.id AND t.kind = 7 AND t.reverses IS NULL
WHERE (p.status = 'completed') <> (t.id IS NOT NULL)
