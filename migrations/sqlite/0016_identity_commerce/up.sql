-- Commerce keys: they have a name of their own, and one role more. SQLite changes a CHECK by making the table anew.

CREATE TABLE api_keys_with_names (
    id                    BLOB PRIMARY KEY CHECK (length(id) = 16),
    owner_id              BLOB NOT NULL REFERENCES owners (id),
    name                  TEXT NOT NULL,
    -- SHA-256 of the key. The key itself is shown once and kept nowhere.
    secret_hash           BLOB NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    -- acf_ and sixteen hexadecimal digits; only commerce keys have one.
    commerce_id           TEXT UNIQUE,
    -- Where the owner takes USDC, as far as it told.
    wallet_address        TEXT,
    -- The most this key may do; NULL for as much as its owner.
    role_cap              TEXT CHECK (role_cap IN ('admin', 'operator', 'buyer', 'viewer')),
    rate_limit_per_minute INTEGER CHECK (rate_limit_per_minute > 0),
    created_at            INTEGER NOT NULL,
    last_used_at          INTEGER,
    expires_at            INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO api_keys_with_names
    (id, owner_id, name, secret_hash, role_cap, rate_limit_per_minute, created_at, last_used_at, expires_at)
    SELECT id, owner_id, name, secret_hash, role_cap, rate_limit_per_minute, created_at, last_used_at, expires_at FROM api_keys;
DROP TABLE api_keys;
ALTER TABLE api_keys_with_names RENAME TO api_keys;
CREATE INDEX api_keys_owner ON api_keys (owner_id, created_at, id);
