-- What is held for a delivery is known by `hold_id` alone: without it, it would be held for ever. Let deliveries end first.
DO $$ BEGIN
    IF EXISTS (SELECT FROM market_trades WHERE hold_id IS NOT NULL) THEN
        RAISE EXCEPTION 'money is held for deliveries that have not ended';
    END IF;
END $$;
DROP TABLE market_stopped;
DROP TABLE market_owners;
ALTER TABLE market_trades DROP COLUMN hold_id;
