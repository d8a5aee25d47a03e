-- SQLite finds the entries of an account by pages from here on. PostgreSQL keeps its two indexes: it writes them behind the
-- transaction, and rows that become longer would cost it more than they save.
SELECT 1;
