-- Who acts: owners, the users among them, their API keys, and the failed logins that throttle guessing.

CREATE TABLE owners (
    id          BLOB PRIMARY KEY CHECK (length(id) = 16),
    kind        TEXT NOT NULL CHECK (kind IN ('user', 'service', 'external')),
    -- What an owner is called elsewhere; only external owners have one.
    external_id TEXT UNIQUE,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id            BLOB PRIMARY KEY REFERENCES owners (id),
    -- As it was given, with the domain in lower case.
    email         TEXT NOT NULL,
    -- The whole address in lower case: two spellings are one account.
    email_key     TEXT NOT NULL UNIQUE,
    first_name    TEXT,
    last_name     TEXT,
    -- A PHC string: $argon2id$v=19$m=…
    password_hash TEXT NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('admin', 'operator', 'viewer')),
    is_active     INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id                    BLOB PRIMARY KEY CHECK (length(id) = 16),
    owner_id              BLOB NOT NULL REFERENCES owners (id),
    name                  TEXT NOT NULL,
    -- SHA-256 of the key. The key itself is shown once and kept nowhere.
    secret_hash           BLOB NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    -- The most this key may do; NULL for as much as its owner.
    role_cap              TEXT CHECK (role_cap IN ('admin', 'operator', 'viewer')),
    rate_limit_per_minute INTEGER CHECK (rate_limit_per_minute > 0),
    created_at            INTEGER NOT NULL,
    last_used_at          INTEGER,
    expires_at            INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_owner ON api_keys (owner_id, created_at, id);

-- One row per account or address with failed logins in the current window. Rows whose window has passed are deleted.
CREATE TABLE login_attempts (
    subject           TEXT PRIMARY KEY,
    failures          INTEGER NOT NULL CHECK (failures > 0),
    window_started_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX login_attempts_window ON login_attempts (window_started_at);
