-- Agents as somebody: what they are known by, who vouches for it, and who switched them off.

-- An agent without a row here is of the first kind, and nothing more is known of it.
CREATE TABLE agent_identities (
    agent_id       uuid PRIMARY KEY REFERENCES agents (id),
    identity_type  text NOT NULL CHECK (identity_type IN ('api_key_only', 'kya_jwt', 'did_vc')),
    wallet_address text,
    -- Only of those that are not active: those are suspended unless this says otherwise.
    is_deactivated boolean NOT NULL,
    -- An administrator switched it off, so that its owner may not switch it on.
    held_by_admin  boolean NOT NULL,
    -- Who vouches for it, and how: all of it is there, or nothing.
    method         text CHECK (method IN ('admin', 'kya_jwt', 'did_control', 'did_vc')),
    issuer         text,
    subject        text,
    verified_by    uuid REFERENCES owners (id),
    -- SHA-256 of what was shown, so that showing it again is the same.
    proof          bytea CHECK (length(proof) = 32),
    verified_at    timestamptz CHECK ((verified_at IS NULL) = (method IS NULL)),
    expires_at     timestamptz CHECK (expires_at IS NULL OR method IS NOT NULL),
    -- Its owner's, and shown to nobody else.
    metadata       jsonb
);
CREATE INDEX agent_identities_deactivated ON agent_identities (agent_id) WHERE is_deactivated;

-- What an agent's owner was asked to sign, hashed. Each is answered once.
CREATE TABLE agent_challenges (
    digest     bytea PRIMARY KEY CHECK (length(digest) = 32),
    agent_id   uuid NOT NULL REFERENCES agents (id),
    expires_at timestamptz NOT NULL
);
CREATE INDEX agent_challenges_agent ON agent_challenges (agent_id, expires_at);

-- Tokens that were shown, by their hashes: each vouches for one agent, once, and is forgotten when its time is over.
CREATE TABLE agent_proofs (
    digest     bytea PRIMARY KEY CHECK (length(digest) = 32),
    expires_at timestamptz NOT NULL
);
CREATE INDEX agent_proofs_expiry ON agent_proofs (expires_at);
