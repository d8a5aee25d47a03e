DROP INDEX ledger_holds_due;
CREATE INDEX ledger_holds_due ON ledger_holds (expires_at) WHERE state = 'pending';
ALTER TABLE ledger_holds ADD CONSTRAINT ledger_holds_debit_no_fkey FOREIGN KEY (debit_no) REFERENCES ledger_accounts (no);
ALTER TABLE ledger_holds ADD CONSTRAINT ledger_holds_credit_no_fkey FOREIGN KEY (credit_no) REFERENCES ledger_accounts (no);
DROP TRIGGER ledger_holds_no_moving ON ledger_holds;
DROP TRIGGER ledger_holds_accounts ON ledger_holds;
CREATE OR REPLACE FUNCTION ledger_require_accounts() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT SET enable_seqscan = off AS
$$ BEGIN
    IF EXISTS (SELECT FROM added
            WHERE (SELECT no FROM ledger_accounts WHERE no = debit_no) IS NULL
                OR (SELECT no FROM ledger_accounts WHERE no = credit_no) IS NULL) THEN
        RAISE EXCEPTION 'a transfer names an account that is not there'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'ledger_transfers_accounts';
    END IF;
    RETURN NULL;
END $$;
