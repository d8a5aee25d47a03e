-- Calls of agents, and the conversations they are part of.

CREATE TABLE conversations (
    id               uuid PRIMARY KEY,
    owner_id         uuid NOT NULL REFERENCES owners (id),
    integration_id   uuid,
    -- Whom the owner talks for, in the owner's own words.
    external_user_id text,
    title            text,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL
);
CREATE INDEX conversations_owner ON conversations (owner_id, created_at, id);
CREATE INDEX conversations_external_user ON conversations (owner_id, external_user_id, created_at, id)
    WHERE external_user_id IS NOT NULL;

-- A message is found by its conversation first.
CREATE TABLE messages (
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    id              uuid NOT NULL,
    role            text NOT NULL CHECK (role IN ('user', 'assistant')),
    -- Who answered.
    agent_id        uuid,
    created_at      timestamptz NOT NULL,
    content         text NOT NULL,
    metadata        jsonb,
    PRIMARY KEY (conversation_id, id)
);

-- One row a call. It is written before the call is made and finished after, together with the money: the hold, its
-- transfer and their reference all have the id of the call. Conversations can be deleted, calls stay.
CREATE TABLE invocations (
    id                   uuid PRIMARY KEY,
    caller_id            uuid NOT NULL REFERENCES owners (id),
    agent_id             uuid NOT NULL REFERENCES agents (id),
    -- Who owned the agent, and what it was called, when it was called.
    agent_owner_id       uuid NOT NULL,
    agent_slug           text NOT NULL,
    agent_name           text NOT NULL,
    conversation_id      uuid NOT NULL,
    message_id           uuid NOT NULL,
    parent_invocation_id uuid,
    integration_id       uuid,
    -- Whole credits held for it; 0 for a free call.
    price                bigint NOT NULL CHECK (price >= 0),
    -- Whether the agent's owner may read the payloads.
    share_payload        boolean NOT NULL,
    -- The claim that is finished with the call.
    idempotency_scope    text,
    idempotency_key      text,
    created_at           timestamptz NOT NULL,
    -- A call that is not finished by then never will be.
    expires_at           timestamptz NOT NULL,
    finished_at          timestamptz,
    success              boolean,
    status_code          integer CHECK (status_code BETWEEN 100 AND 599),
    credits_charged      bigint CHECK (credits_charged BETWEEN 1 AND price),
    latency_ms           bigint CHECK (latency_ms >= 0),
    error_message        text,
    request_payload      jsonb NOT NULL,
    response_payload     jsonb,
    CONSTRAINT invocations_finished CHECK (
        (finished_at IS NULL) = (success IS NULL) AND (finished_at IS NULL) = (status_code IS NULL)
        AND (finished_at IS NULL) = (latency_ms IS NULL)
    ),
    CONSTRAINT invocations_charged CHECK (credits_charged IS NULL OR success)
);
CREATE INDEX invocations_caller ON invocations (caller_id, created_at, id);
CREATE INDEX invocations_agent ON invocations (agent_id, created_at, id);
CREATE INDEX invocations_agent_owner ON invocations (agent_owner_id, created_at, id);
CREATE INDEX invocations_conversation ON invocations (conversation_id, created_at, id);
CREATE INDEX invocations_running ON invocations (expires_at) WHERE finished_at IS NULL;
