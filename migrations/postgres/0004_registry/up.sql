-- Who can be called: agents, what they are found by, what others think of them, and how they do.

CREATE TABLE agents (
    id                 uuid PRIMARY KEY,
    -- The readable id, `name-8hex` or `agent:namespace:name:version`. Never given to another agent, not even after a delete.
    slug               text NOT NULL UNIQUE,
    owner_id           uuid NOT NULL REFERENCES owners (id),
    -- Only the active are listed, found and called.
    state              text NOT NULL CHECK (state IN ('active', 'inactive', 'deleted')),
    -- Sorted the same way on every server, and as SQLite sorts it.
    name               text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    version            text NOT NULL,
    endpoint           text NOT NULL,
    auth_type          text NOT NULL CHECK (auth_type IN ('public', 'api_key', 'bearer_token')),
    category           text,
    trust_verification text NOT NULL DEFAULT 'self-signed',
    pricing_strategy   text CHECK (pricing_strategy IN ('fixed', 'dynamic', 'auction')),
    -- Whole credits for one call; charged only when pricing is enabled.
    base_price         bigint CHECK (base_price >= 0),
    pricing_enabled    boolean NOT NULL,
    supports_streaming boolean NOT NULL,
    is_brand_agent     boolean NOT NULL DEFAULT false,
    brand_id           uuid,
    -- Whether agent_credentials has a row for it, kept in the same transaction.
    has_credential     boolean NOT NULL DEFAULT false,
    -- Sum and number of agent_ratings, kept in the same transaction.
    rating_sum         integer NOT NULL DEFAULT 0,
    rating_count       integer NOT NULL DEFAULT 0 CHECK (rating_count >= 0),
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    deleted_at         timestamptz CHECK ((deleted_at IS NULL) = (state <> 'deleted')),
    -- As the owner wrote them; agent_tags holds them for filtering.
    tags               jsonb NOT NULL,
    description        text NOT NULL,
    input_schema       jsonb,
    output_schema      jsonb,
    -- The manifest as it was given, when it was.
    manifest           jsonb,
    CONSTRAINT agents_rating_sum_check CHECK (rating_sum BETWEEN rating_count AND 5 * rating_count)
);
CREATE INDEX agents_by_created ON agents (state, created_at, id);
CREATE INDEX agents_by_updated ON agents (state, updated_at, id);
CREATE INDEX agents_by_name ON agents (state, lower(name), id);
CREATE INDEX agents_by_category ON agents (state, category, created_at, id);
CREATE INDEX agents_by_owner ON agents (owner_id, created_at, id);

-- In lower case.
CREATE TABLE agent_tags (
    tag      text NOT NULL,
    agent_id uuid NOT NULL REFERENCES agents (id),
    PRIMARY KEY (tag, agent_id)
);
CREATE INDEX agent_tags_agent ON agent_tags (agent_id);

CREATE TABLE agent_capabilities (
    agent_id      uuid NOT NULL REFERENCES agents (id),
    capability    text NOT NULL,
    position      integer NOT NULL CHECK (position >= 0),
    input_schema  jsonb,
    output_schema jsonb,
    auth          jsonb,
    PRIMARY KEY (agent_id, capability)
);
CREATE INDEX agent_capabilities_capability ON agent_capabilities (capability, agent_id);

-- What an agent is found by, in lower case. An agent has a row here exactly while it is active and not deleted, so a
-- search needs no second look.
CREATE TABLE agent_texts (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agent_id    uuid NOT NULL UNIQUE REFERENCES agents (id),
    name        text NOT NULL,
    -- Tags and capabilities, in words.
    labels      text NOT NULL,
    description text NOT NULL,
    -- Punctuation goes first: PostgreSQL would read hosts, paths and hyphenated words as one word each; SQLite does not.
    document    tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('english', translate(name, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32))), 'A') ||
        setweight(to_tsvector('english', translate(labels, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32))), 'B') ||
        setweight(to_tsvector('english', translate(description, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32))), 'C')
    ) STORED
);
CREATE INDEX agent_texts_document ON agent_texts USING gin (document);

CREATE TABLE agent_ratings (
    id         uuid PRIMARY KEY,
    agent_id   uuid NOT NULL REFERENCES agents (id),
    owner_id   uuid NOT NULL REFERENCES owners (id),
    score      integer NOT NULL CHECK (score BETWEEN 1 AND 5),
    comment    text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (agent_id, owner_id)
);
CREATE INDEX agent_ratings_newest ON agent_ratings (agent_id, updated_at, id);

-- What we present to an agent that asks for a credential: XChaCha20-Poly1305, bound to the agent's id.
CREATE TABLE agent_credentials (
    agent_id        uuid PRIMARY KEY REFERENCES agents (id),
    credential_type text NOT NULL CHECK (credential_type IN ('api_key', 'bearer_token')),
    ciphertext      bytea NOT NULL,
    nonce           bytea NOT NULL CHECK (length(nonce) = 24),
    -- Which key it is encrypted with; tells nothing about the key.
    key_id          text NOT NULL,
    auth_header     text,
    auth_scheme     text,
    updated_at      timestamptz NOT NULL
);

-- Calls per agent and UTC day, counted from 1970-01-01.
CREATE TABLE agent_quality (
    agent_id       uuid NOT NULL REFERENCES agents (id),
    day            integer NOT NULL,
    calls          bigint NOT NULL CHECK (calls >= 0),
    successes      bigint NOT NULL CHECK (successes BETWEEN 0 AND calls),
    latency_ms_sum bigint NOT NULL CHECK (latency_ms_sum >= 0),
    PRIMARY KEY (agent_id, day)
);
CREATE INDEX agent_quality_day ON agent_quality (day, agent_id);
