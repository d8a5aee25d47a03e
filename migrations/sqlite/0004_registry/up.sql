-- Who can be called: agents, what they are found by, what others think of them, and how they do.

CREATE TABLE agents (
    id                 BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- The readable id, `name-8hex` or `agent:namespace:name:version`. Never given to another agent, not even after a delete.
    slug               TEXT NOT NULL UNIQUE,
    owner_id           BLOB NOT NULL REFERENCES owners (id),
    -- Only the active are listed, found and called.
    state              TEXT NOT NULL CHECK (state IN ('active', 'inactive', 'deleted')),
    name               TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    version            TEXT NOT NULL,
    endpoint           TEXT NOT NULL,
    auth_type          TEXT NOT NULL CHECK (auth_type IN ('public', 'api_key', 'bearer_token')),
    category           TEXT,
    trust_verification TEXT NOT NULL DEFAULT 'self-signed',
    pricing_strategy   TEXT CHECK (pricing_strategy IN ('fixed', 'dynamic', 'auction')),
    -- Whole credits for one call; charged only when pricing is enabled.
    base_price         INTEGER CHECK (base_price >= 0),
    pricing_enabled    INTEGER NOT NULL CHECK (pricing_enabled IN (0, 1)),
    supports_streaming INTEGER NOT NULL CHECK (supports_streaming IN (0, 1)),
    is_brand_agent     INTEGER NOT NULL DEFAULT 0 CHECK (is_brand_agent IN (0, 1)),
    brand_id           BLOB,
    -- Whether agent_credentials has a row for it, kept in the same transaction.
    has_credential     INTEGER NOT NULL DEFAULT 0 CHECK (has_credential IN (0, 1)),
    -- Sum and number of agent_ratings, kept in the same transaction.
    rating_sum         INTEGER NOT NULL DEFAULT 0 CHECK (rating_sum BETWEEN rating_count AND 5 * rating_count),
    rating_count       INTEGER NOT NULL DEFAULT 0 CHECK (rating_count >= 0),
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    deleted_at         INTEGER CHECK ((deleted_at IS NULL) = (state <> 'deleted')),
    -- As the owner wrote them; agent_tags holds them for filtering.
    tags               TEXT NOT NULL CHECK (json_valid(tags)),
    -- The long ones last: a row is read from its front.
    description        TEXT NOT NULL,
    input_schema       TEXT CHECK (json_valid(input_schema)),
    output_schema      TEXT CHECK (json_valid(output_schema)),
    -- The manifest as it was given, when it was.
    manifest           TEXT CHECK (json_valid(manifest))
) STRICT;
CREATE INDEX agents_by_created ON agents (state, created_at, id);
CREATE INDEX agents_by_updated ON agents (state, updated_at, id);
CREATE INDEX agents_by_name ON agents (state, lower(name), id);
CREATE INDEX agents_by_category ON agents (state, category, created_at, id);
CREATE INDEX agents_by_owner ON agents (owner_id, created_at, id);

-- In lower case.
CREATE TABLE agent_tags (
    tag      TEXT NOT NULL,
    agent_id BLOB NOT NULL REFERENCES agents (id),
    PRIMARY KEY (tag, agent_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_tags_agent ON agent_tags (agent_id);

CREATE TABLE agent_capabilities (
    agent_id      BLOB NOT NULL REFERENCES agents (id),
    capability    TEXT NOT NULL,
    position      INTEGER NOT NULL CHECK (position >= 0),
    input_schema  TEXT CHECK (json_valid(input_schema)),
    output_schema TEXT CHECK (json_valid(output_schema)),
    auth          TEXT CHECK (json_valid(auth)),
    PRIMARY KEY (agent_id, capability)
) STRICT;
CREATE INDEX agent_capabilities_capability ON agent_capabilities (capability, agent_id);

-- What an agent is found by, in lower case. An agent has a row here exactly while it is active and not deleted, so a
-- search needs no second look.
CREATE TABLE agent_texts (
    seq         INTEGER PRIMARY KEY,
    agent_id    BLOB NOT NULL UNIQUE REFERENCES agents (id),
    name        TEXT NOT NULL,
    -- Tags and capabilities, in words.
    labels      TEXT NOT NULL,
    description TEXT NOT NULL
) STRICT;

-- The full-text index over agent_texts, which keeps the words themselves; PostgreSQL has a tsvector column instead.
CREATE VIRTUAL TABLE agent_texts_fts USING fts5 (
    name, labels, description,
    content = 'agent_texts', content_rowid = 'seq', tokenize = 'porter unicode61 remove_diacritics 2'
);
INSERT INTO agent_texts_fts (agent_texts_fts, rank) VALUES ('rank', 'bm25(8.0, 4.0, 1.0)');
CREATE TRIGGER agent_texts_inserted AFTER INSERT ON agent_texts BEGIN
    INSERT INTO agent_texts_fts (rowid, name, labels, description) VALUES (new.seq, new.name, new.labels, new.description);
END;
CREATE TRIGGER agent_texts_deleted AFTER DELETE ON agent_texts BEGIN
    INSERT INTO agent_texts_fts (agent_texts_fts, rowid, name, labels, description)
    VALUES ('delete', old.seq, old.name, old.labels, old.description);
END;
CREATE TRIGGER agent_texts_updated AFTER UPDATE ON agent_texts BEGIN
    INSERT INTO agent_texts_fts (agent_texts_fts, rowid, name, labels, description)
    VALUES ('delete', old.seq, old.name, old.labels, old.description);
    INSERT INTO agent_texts_fts (rowid, name, labels, description) VALUES (new.seq, new.name, new.labels, new.description);
END;

CREATE TABLE agent_ratings (
    id         BLOB PRIMARY KEY CHECK (length(id) = 16),
    agent_id   BLOB NOT NULL REFERENCES agents (id),
    owner_id   BLOB NOT NULL REFERENCES owners (id),
    score      INTEGER NOT NULL CHECK (score BETWEEN 1 AND 5),
    comment    TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (agent_id, owner_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_ratings_newest ON agent_ratings (agent_id, updated_at, id);

-- What we present to an agent that asks for a credential: XChaCha20-Poly1305, bound to the agent's id.
CREATE TABLE agent_credentials (
    agent_id        BLOB PRIMARY KEY REFERENCES agents (id),
    credential_type TEXT NOT NULL CHECK (credential_type IN ('api_key', 'bearer_token')),
    ciphertext      BLOB NOT NULL,
    nonce           BLOB NOT NULL CHECK (length(nonce) = 24),
    -- Which key it is encrypted with; tells nothing about the key.
    key_id          TEXT NOT NULL,
    auth_header     TEXT,
    auth_scheme     TEXT,
    updated_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Calls per agent and UTC day, counted from 1970-01-01.
CREATE TABLE agent_quality (
    agent_id       BLOB NOT NULL REFERENCES agents (id),
    day            INTEGER NOT NULL,
    calls          INTEGER NOT NULL CHECK (calls >= 0),
    successes      INTEGER NOT NULL CHECK (successes BETWEEN 0 AND calls),
    latency_ms_sum INTEGER NOT NULL CHECK (latency_ms_sum >= 0),
    PRIMARY KEY (agent_id, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_quality_day ON agent_quality (day, agent_id);
