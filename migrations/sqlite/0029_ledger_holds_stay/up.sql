-- A hold ends once, and what it was stays to be seen: whoever asks again is answered from its row. If that row went, or were pending
-- again, asking again would hold and pay anew.
CREATE TRIGGER ledger_holds_no_delete BEFORE DELETE ON ledger_holds
BEGIN SELECT RAISE(ABORT, 'a hold of the ledger is never removed'); END;
CREATE TRIGGER ledger_holds_ended BEFORE UPDATE ON ledger_holds WHEN OLD.state <> 'pending'
BEGIN SELECT RAISE(ABORT, 'a hold that has ended stays as it is'); END;
CREATE TRIGGER ledger_holds_terms
BEFORE UPDATE OF id, debit_no, credit_no, amount, kind, reference_id, memo, metadata, expires_at, created_at ON ledger_holds
BEGIN SELECT RAISE(ABORT, 'the terms of a hold never change'); END;
