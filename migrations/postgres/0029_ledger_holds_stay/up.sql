-- A hold ends once, and what it was stays to be seen: whoever asks again is answered from its row. If that row went, or were pending
-- again, asking again would hold and pay anew.
CREATE FUNCTION ledger_refuse_hold() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'the terms of a hold never change, nor does a hold that has ended';
    END IF;
    RAISE EXCEPTION 'a hold of the ledger is never removed';
END $$;
CREATE TRIGGER ledger_holds_no_delete BEFORE DELETE ON ledger_holds
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_hold();
CREATE TRIGGER ledger_holds_no_truncate BEFORE TRUNCATE ON ledger_holds
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_hold();
CREATE TRIGGER ledger_holds_ended BEFORE UPDATE ON ledger_holds
    FOR EACH ROW WHEN (OLD.state <> 'pending') EXECUTE FUNCTION ledger_refuse_hold();
-- Its accounts were watched already.
CREATE TRIGGER ledger_holds_terms
    BEFORE UPDATE OF id, amount, kind, reference_id, memo, metadata, expires_at, created_at ON ledger_holds
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_hold();
