CREATE TABLE api_keys_without_names (
    id                    BLOB PRIMARY KEY CHECK (length(id) = 16),
    owner_id              BLOB NOT NULL REFERENCES owners (id),
    name                  TEXT NOT NULL,
    secret_hash           BLOB NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    role_cap              TEXT CHECK (role_cap IN ('admin', 'operator', 'viewer')),
    rate_limit_per_minute INTEGER CHECK (rate_limit_per_minute > 0),
    created_at            INTEGER NOT NULL,
    last_used_at          INTEGER,
    expires_at            INTEGER
) STRICT, WITHOUT ROWID;
-- Commerce keys mean nothing to the schema before.
INSERT INTO api_keys_without_names
    SELECT id, owner_id, name, secret_hash, role_cap, rate_limit_per_minute, created_at, last_used_at, expires_at FROM api_keys
    WHERE commerce_id IS NULL AND role_cap IS NOT 'buyer';
DROP TABLE api_keys;
ALTER TABLE api_keys_without_names RENAME TO api_keys;
CREATE INDEX api_keys_owner ON api_keys (owner_id, created_at, id);
