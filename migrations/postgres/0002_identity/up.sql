-- Who acts: owners, the users among them, their API keys, and the failed logins that throttle guessing.

CREATE TABLE owners (
    id          uuid PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('user', 'service', 'external')),
    -- What an owner is called elsewhere; only external owners have one.
    external_id text UNIQUE,
    created_at  timestamptz NOT NULL
);

CREATE TABLE users (
    id            uuid PRIMARY KEY REFERENCES owners (id),
    -- As it was given, with the domain in lower case.
    email         text NOT NULL,
    -- The whole address in lower case: two spellings are one account.
    email_key     text NOT NULL UNIQUE,
    first_name    text,
    last_name     text,
    -- A PHC string: $argon2id$v=19$m=…
    password_hash text NOT NULL,
    role          text NOT NULL CHECK (role IN ('admin', 'operator', 'viewer')),
    is_active     boolean NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);

CREATE TABLE api_keys (
    id                    uuid PRIMARY KEY,
    owner_id              uuid NOT NULL REFERENCES owners (id),
    name                  text NOT NULL,
    -- SHA-256 of the key. The key itself is shown once and kept nowhere.
    secret_hash           bytea NOT NULL UNIQUE CHECK (octet_length(secret_hash) = 32),
    -- The most this key may do; NULL for as much as its owner.
    role_cap              text CHECK (role_cap IN ('admin', 'operator', 'viewer')),
    rate_limit_per_minute integer CHECK (rate_limit_per_minute > 0),
    created_at            timestamptz NOT NULL,
    last_used_at          timestamptz,
    expires_at            timestamptz
);
CREATE INDEX api_keys_owner ON api_keys (owner_id, created_at, id);

-- One row per account or address with failed logins in the current window. Rows whose window has passed are deleted.
CREATE TABLE login_attempts (
    subject           text PRIMARY KEY,
    failures          integer NOT NULL CHECK (failures > 0),
    window_started_at timestamptz NOT NULL
);
CREATE INDEX login_attempts_window ON login_attempts (window_started_at);
