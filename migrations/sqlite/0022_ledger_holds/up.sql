-- Holds that never expire have no place among those that do.
DROP INDEX ledger_holds_due;
CREATE INDEX ledger_holds_due ON ledger_holds (expires_at) WHERE state = 'pending' AND expires_at IS NOT NULL;
