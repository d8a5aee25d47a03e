-- Nobody trades while the trades are summed up.
LOCK TABLE market_trades IN SHARE ROW EXCLUSIVE MODE;

-- What the trades of each interval come to, kept up in the transaction that writes them: whoever asks for prices reads as many
-- rows as are shown, however many trades there were. Credits are summed up in two halves, the lower one below 2^24: a sum
-- never overflows.
CREATE TABLE market_candles (
    capability   text NOT NULL REFERENCES market_capabilities (capability),
    -- The length of the interval.
    seconds      integer NOT NULL CHECK (seconds > 0),
    start        timestamptz NOT NULL,
    open         bigint NOT NULL CHECK (open > 0),
    high         bigint NOT NULL CHECK (high >= open),
    low          bigint NOT NULL CHECK (low BETWEEN 1 AND open),
    close        bigint NOT NULL CHECK (close BETWEEN low AND high),
    volume       bigint NOT NULL CHECK (volume > 0),
    credits_high bigint NOT NULL CHECK (credits_high >= 0),
    credits_low  bigint NOT NULL CHECK (credits_low BETWEEN 0 AND 16777215),
    trades       bigint NOT NULL CHECK (trades > 0),
    PRIMARY KEY (capability, seconds, start)
) WITH (fillfactor = 80);
-- What was traded most on a day.
CREATE INDEX market_candles_days ON market_candles (start, credits_high, credits_low) WHERE seconds = 86400;

INSERT INTO market_candles
SELECT s.capability, s.seconds, s.start, first.price, s.high, s.low, last.price, s.volume, s.credits_high + (s.credits_low >> 24),
    s.credits_low & 16777215, s.trades
FROM (
    SELECT t.capability, i.seconds, date_bin(make_interval(secs => i.seconds), t.created_at, timestamptz 'epoch') AS start,
        min(t.no) AS first_no, max(t.no) AS last_no, max(t.price) AS high, min(t.price) AS low, sum(t.quantity)::bigint AS volume,
        sum((t.price * t.quantity) >> 24)::bigint AS credits_high, sum((t.price * t.quantity) & 16777215)::bigint AS credits_low,
        count(*) AS trades
    FROM market_trades AS t, (VALUES (60), (300), (900), (3600), (14400), (86400)) AS i (seconds)
    GROUP BY 1, 2, 3
) AS s
JOIN market_trades AS first ON first.no = s.first_no
JOIN market_trades AS last ON last.no = s.last_no;

-- It was for summing up trades whenever somebody asked.
DROP INDEX market_trades_time;

-- An order names a capability that there is: whoever places it has locked the row. A foreign key looked for it anew for every
-- order, and locked it again, which was a third of the time that it took to enter orders. One look serves all rows of a
-- statement, and a capability never goes.
CREATE FUNCTION market_refuse_removal() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'a capability is never removed or renamed'; END $$;
CREATE TRIGGER market_capabilities_no_delete BEFORE DELETE ON market_capabilities
    FOR EACH ROW EXECUTE FUNCTION market_refuse_removal();
CREATE TRIGGER market_capabilities_no_truncate BEFORE TRUNCATE ON market_capabilities
    FOR EACH STATEMENT EXECUTE FUNCTION market_refuse_removal();
CREATE TRIGGER market_capabilities_no_renaming BEFORE UPDATE OF capability ON market_capabilities
    FOR EACH ROW EXECUTE FUNCTION market_refuse_removal();
CREATE TRIGGER market_orders_no_moving BEFORE UPDATE OF capability ON market_orders
    FOR EACH ROW EXECUTE FUNCTION market_refuse_removal();
CREATE FUNCTION market_require_capabilities() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT SET enable_seqscan = off AS
$$ BEGIN
    IF EXISTS (SELECT FROM added
            WHERE (SELECT c.capability FROM market_capabilities AS c WHERE c.capability = added.capability) IS NULL) THEN
        RAISE EXCEPTION 'an order names a capability that is not there'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER market_orders_capability AFTER INSERT ON market_orders REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION market_require_capabilities();
ALTER TABLE market_orders DROP CONSTRAINT market_orders_capability_fkey;
