-- What the trades of each interval come to, kept up in the transaction that writes them: whoever asks for prices reads as many
-- rows as are shown, however many trades there were. Credits are summed up in two halves, the lower one below 2^24: a sum
-- never overflows.
CREATE TABLE market_candles (
    capability   TEXT NOT NULL REFERENCES market_capabilities (capability),
    -- The length of the interval.
    seconds      INTEGER NOT NULL CHECK (seconds > 0),
    start        INTEGER NOT NULL,
    open         INTEGER NOT NULL CHECK (open > 0),
    high         INTEGER NOT NULL CHECK (high >= open),
    low          INTEGER NOT NULL CHECK (low BETWEEN 1 AND open),
    close        INTEGER NOT NULL CHECK (close BETWEEN low AND high),
    volume       INTEGER NOT NULL CHECK (volume > 0),
    credits_high INTEGER NOT NULL CHECK (credits_high >= 0),
    credits_low  INTEGER NOT NULL CHECK (credits_low BETWEEN 0 AND 16777215),
    trades       INTEGER NOT NULL CHECK (trades > 0),
    PRIMARY KEY (capability, seconds, start)
) STRICT, WITHOUT ROWID;
-- What was traded most on a day.
CREATE INDEX market_candles_days ON market_candles (start, credits_high, credits_low) WHERE seconds = 86400;

INSERT INTO market_candles
SELECT s.capability, s.seconds, s.start, first.price, s.high, s.low, last.price, s.volume, s.credits_high + (s.credits_low >> 24),
    s.credits_low & 16777215, s.trades
FROM (
    SELECT t.capability, i.seconds, t.created_at - t.created_at % (i.seconds * 1000000) AS start, min(t.no) AS first_no,
        max(t.no) AS last_no, max(t.price) AS high, min(t.price) AS low, sum(t.quantity) AS volume,
        sum((t.price * t.quantity) >> 24) AS credits_high, sum((t.price * t.quantity) & 16777215) AS credits_low,
        count(*) AS trades
    FROM market_trades AS t, (
        SELECT 60 AS seconds UNION ALL SELECT 300 UNION ALL SELECT 900 UNION ALL SELECT 3600 UNION ALL SELECT 14400
        UNION ALL SELECT 86400
    ) AS i
    GROUP BY 1, 2, 3
) AS s
JOIN market_trades AS first ON first.no = s.first_no
JOIN market_trades AS last ON last.no = s.last_no;

-- It was for summing up trades whenever somebody asked.
DROP INDEX market_trades_time;
