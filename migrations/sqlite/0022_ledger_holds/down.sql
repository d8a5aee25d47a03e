DROP INDEX ledger_holds_due;
CREATE INDEX ledger_holds_due ON ledger_holds (expires_at) WHERE state = 'pending';
