-- A transfer names accounts that there are. Foreign keys looked for both anew for every row, and locked them, though whoever
-- enters a transfer has locked them already: that was a third of the time that entering a batch took. Now one look serves all
-- rows of a statement, and an account never goes, so that what was there once is there for ever.
CREATE FUNCTION ledger_refuse_removal() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'an account of the ledger is never removed'; END $$;
CREATE TRIGGER ledger_accounts_no_delete BEFORE DELETE ON ledger_accounts
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_removal();
CREATE TRIGGER ledger_accounts_no_truncate BEFORE TRUNCATE ON ledger_accounts
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_removal();
CREATE TRIGGER ledger_accounts_no_renumbering BEFORE UPDATE OF no ON ledger_accounts
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_terms();

-- Each account is looked up by its number: a plan made while there were few must not read all of them later.
CREATE FUNCTION ledger_require_accounts() RETURNS trigger LANGUAGE plpgsql
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
CREATE TRIGGER ledger_transfers_accounts AFTER INSERT ON ledger_transfers REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_require_accounts();
ALTER TABLE ledger_transfers DROP CONSTRAINT ledger_transfers_debit_no_fkey;
ALTER TABLE ledger_transfers DROP CONSTRAINT ledger_transfers_credit_no_fkey;
