-- Commerce keys: they have a name of their own, and one role more.

ALTER TABLE api_keys
    -- acf_ and sixteen hexadecimal digits; only commerce keys have one.
    ADD COLUMN commerce_id text UNIQUE,
    -- Where the owner takes USDC, as far as it told.
    ADD COLUMN wallet_address text,
    DROP CONSTRAINT api_keys_role_cap_check,
    ADD CONSTRAINT api_keys_role_cap_check CHECK (role_cap IN ('admin', 'operator', 'buyer', 'viewer'));
