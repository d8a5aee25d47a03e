-- Agents as somebody: what they are known by, who vouches for it, and who switched them off.

-- An agent without a row here is of the first kind, and nothing more is known of it.
CREATE TABLE agent_identities (
    agent_id       BLOB NOT NULL PRIMARY KEY REFERENCES agents (id),
    identity_type  TEXT NOT NULL CHECK (identity_type IN ('api_key_only', 'kya_jwt', 'did_vc')),
    wallet_address TEXT,
    -- Only of those that are not active: those are suspended unless this says otherwise.
    is_deactivated INTEGER NOT NULL CHECK (is_deactivated IN (0, 1)),
    -- An administrator switched it off, so that its owner may not switch it on.
    held_by_admin  INTEGER NOT NULL CHECK (held_by_admin IN (0, 1)),
    -- Who vouches for it, and how: all of it is there, or nothing.
    method         TEXT CHECK (method IN ('admin', 'kya_jwt', 'did_control', 'did_vc')),
    issuer         TEXT,
    subject        TEXT,
    verified_by    BLOB REFERENCES owners (id),
    -- SHA-256 of what was shown, so that showing it again is the same.
    proof          BLOB CHECK (length(proof) = 32),
    verified_at    INTEGER CHECK ((verified_at IS NULL) = (method IS NULL)),
    expires_at     INTEGER CHECK (expires_at IS NULL OR method IS NOT NULL),
    -- Its owner's, and shown to nobody else.
    metadata       TEXT CHECK (json_valid(metadata))
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_identities_deactivated ON agent_identities (agent_id) WHERE is_deactivated = 1;

-- What an agent's owner was asked to sign, hashed. Each is answered once.
CREATE TABLE agent_challenges (
    digest     BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    agent_id   BLOB NOT NULL REFERENCES agents (id),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_challenges_agent ON agent_challenges (agent_id, expires_at);

-- Tokens that were shown, by their hashes: each vouches for one agent, once, and is forgotten when its time is over.
CREATE TABLE agent_proofs (
    digest     BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_proofs_expiry ON agent_proofs (expires_at);
