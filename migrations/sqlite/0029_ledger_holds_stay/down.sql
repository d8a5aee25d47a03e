DROP TRIGGER ledger_holds_terms;
DROP TRIGGER ledger_holds_ended;
DROP TRIGGER ledger_holds_no_delete;
