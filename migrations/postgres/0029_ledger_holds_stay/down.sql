DROP TRIGGER ledger_holds_terms ON ledger_holds;
DROP TRIGGER ledger_holds_ended ON ledger_holds;
DROP TRIGGER ledger_holds_no_truncate ON ledger_holds;
DROP TRIGGER ledger_holds_no_delete ON ledger_holds;
DROP FUNCTION ledger_refuse_hold();
