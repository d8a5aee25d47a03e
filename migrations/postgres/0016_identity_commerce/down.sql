-- Commerce keys mean nothing to the schema before.
DELETE FROM api_keys WHERE commerce_id IS NOT NULL OR role_cap = 'buyer';
ALTER TABLE api_keys
    DROP COLUMN commerce_id,
    DROP COLUMN wallet_address,
    DROP CONSTRAINT api_keys_role_cap_check,
    ADD CONSTRAINT api_keys_role_cap_check CHECK (role_cap IN ('admin', 'operator', 'viewer'));
