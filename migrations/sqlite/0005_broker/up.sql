-- Calls of agents, and the conversations they are part of.

CREATE TABLE conversations (
    id               BLOB PRIMARY KEY CHECK (length(id) = 16),
    owner_id         BLOB NOT NULL REFERENCES owners (id),
    integration_id   BLOB,
    -- Whom the owner talks for, in the owner's own words.
    external_user_id TEXT,
    title            TEXT,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX conversations_owner ON conversations (owner_id, created_at, id);
CREATE INDEX conversations_external_user ON conversations (owner_id, external_user_id, created_at, id)
    WHERE external_user_id IS NOT NULL;

-- A message is found by its conversation first: the messages of one lie together.
CREATE TABLE messages (
    conversation_id BLOB NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    id              BLOB NOT NULL CHECK (length(id) = 16),
    role            TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    -- Who answered.
    agent_id        BLOB,
    created_at      INTEGER NOT NULL,
    content         TEXT NOT NULL,
    metadata        TEXT CHECK (json_valid(metadata)),
    PRIMARY KEY (conversation_id, id)
) STRICT, WITHOUT ROWID;

-- One row a call. It is written before the call is made and finished after, together with the money: the hold, its
-- transfer and their reference all have the id of the call. Conversations can be deleted, calls stay.
CREATE TABLE invocations (
    id                   BLOB PRIMARY KEY CHECK (length(id) = 16),
    caller_id            BLOB NOT NULL REFERENCES owners (id),
    agent_id             BLOB NOT NULL REFERENCES agents (id),
    -- Who owned the agent, and what it was called, when it was called.
    agent_owner_id       BLOB NOT NULL,
    agent_slug           TEXT NOT NULL,
    agent_name           TEXT NOT NULL,
    conversation_id      BLOB NOT NULL,
    message_id           BLOB NOT NULL,
    parent_invocation_id BLOB,
    integration_id       BLOB,
    -- Whole credits held for it; 0 for a free call.
    price                INTEGER NOT NULL CHECK (price >= 0),
    -- Whether the agent's owner may read the payloads.
    share_payload        INTEGER NOT NULL CHECK (share_payload IN (0, 1)),
    -- The claim that is finished with the call.
    idempotency_scope    TEXT,
    idempotency_key      TEXT,
    created_at           INTEGER NOT NULL,
    -- A call that is not finished by then never will be.
    expires_at           INTEGER NOT NULL,
    finished_at          INTEGER,
    success              INTEGER CHECK (success IN (0, 1)),
    status_code          INTEGER CHECK (status_code BETWEEN 100 AND 599),
    credits_charged      INTEGER CHECK (credits_charged BETWEEN 1 AND price),
    latency_ms           INTEGER CHECK (latency_ms >= 0),
    error_message        TEXT,
    request_payload      TEXT NOT NULL CHECK (json_valid(request_payload)),
    response_payload     TEXT CHECK (json_valid(response_payload)),
    CONSTRAINT invocations_finished CHECK (
        (finished_at IS NULL) = (success IS NULL) AND (finished_at IS NULL) = (status_code IS NULL)
        AND (finished_at IS NULL) = (latency_ms IS NULL)
    ),
    CONSTRAINT invocations_charged CHECK (credits_charged IS NULL OR success)
) STRICT;
CREATE INDEX invocations_caller ON invocations (caller_id, created_at, id);
CREATE INDEX invocations_agent ON invocations (agent_id, created_at, id);
CREATE INDEX invocations_agent_owner ON invocations (agent_owner_id, created_at, id);
CREATE INDEX invocations_conversation ON invocations (conversation_id, created_at, id);
CREATE INDEX invocations_running ON invocations (expires_at) WHERE finished_at IS NULL;
