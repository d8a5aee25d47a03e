-- Agents that talk: networks, who takes part in them, what is said, and how it reaches whom it is for.

CREATE TABLE networks (
    id         uuid PRIMARY KEY,
    owner_id   uuid NOT NULL REFERENCES owners (id),
    name       text NOT NULL CONSTRAINT networks_name CHECK (char_length(name) <= 255),
    topology   text NOT NULL CONSTRAINT networks_topology CHECK (topology IN ('mesh', 'star', 'ring', 'custom')),
    -- Messages go in an active one only. Of a deleted one a job removes what was said; then it is purged.
    status     text NOT NULL CONSTRAINT networks_status CHECK (status IN ('active', 'paused', 'closed', 'deleted', 'purged')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    metadata   jsonb
);
CREATE INDEX networks_owner ON networks (owner_id, created_at, id) WHERE status NOT IN ('deleted', 'purged');
CREATE INDEX networks_deleted ON networks (updated_at) WHERE status = 'deleted';

CREATE TABLE network_participants (
    id              uuid PRIMARY KEY,
    network_id      uuid NOT NULL REFERENCES networks (id),
    agent_id        uuid REFERENCES agents (id),
    kind            text NOT NULL CONSTRAINT network_participants_kind CHECK (kind IN ('agent', 'persona', 'orchestrator')),
    name            text NOT NULL CONSTRAINT network_participants_name CHECK (char_length(name) <= 255),
    status          text NOT NULL CONSTRAINT network_participants_status CHECK (status IN ('active', 'disconnected', 'removed')),
    callback_url    text,
    -- The callback is the agent's endpoint, wherever that is when a message goes there.
    follows_agent   boolean NOT NULL,
    polling_enabled boolean NOT NULL,
    -- SHA-256 of the token in the participant's own URL.
    token_digest    bytea NOT NULL CONSTRAINT network_participants_token CHECK (octet_length(token_digest) = 32),
    -- Signed URLs of an earlier epoch are void.
    callback_epoch  integer NOT NULL DEFAULT 0 CONSTRAINT network_participants_epoch CHECK (callback_epoch >= 0),
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    capabilities    jsonb,
    CONSTRAINT network_participants_follows CHECK (NOT follows_agent OR agent_id IS NOT NULL)
);
CREATE INDEX network_participants_network ON network_participants (network_id, status, created_at, id);
CREATE UNIQUE INDEX network_participants_agent ON network_participants (network_id, agent_id) WHERE status = 'active' AND agent_id IS NOT NULL;

-- What signs the messages that a participant is sent, encrypted. After a change the one before is valid for a while.
CREATE TABLE network_secrets (
    participant_id uuid NOT NULL REFERENCES network_participants (id),
    id             uuid NOT NULL,
    key_id         text NOT NULL,
    nonce          bytea NOT NULL,
    ciphertext     bytea NOT NULL,
    created_at     timestamptz NOT NULL,
    -- NULL for the one in force.
    expires_at     timestamptz,
    PRIMARY KEY (participant_id, id)
);

-- One row a participant: its queue, which one worker at a time may serve.
CREATE TABLE network_lanes (
    participant_id uuid PRIMARY KEY REFERENCES network_participants (id),
    owner_id       uuid NOT NULL REFERENCES owners (id),
    -- When it has to be served next; of a leased one, when the lease ends; NULL when nothing waits in it.
    due_at         timestamptz,
    lease_id       uuid,
    -- Since when it has been tried in vain to reach the participant with what is first in it.
    failing_since  timestamptz,
    CONSTRAINT network_lanes_leased CHECK (lease_id IS NULL OR due_at IS NOT NULL)
);
CREATE INDEX network_lanes_due ON network_lanes (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX network_lanes_lease ON network_lanes (lease_id) WHERE lease_id IS NOT NULL;

-- What was said. It is never changed.
CREATE TABLE network_messages (
    -- The order in which messages were accepted.
    seq            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id             uuid NOT NULL CONSTRAINT network_messages_id UNIQUE,
    network_id     uuid NOT NULL REFERENCES networks (id),
    sender_id      uuid NOT NULL REFERENCES network_participants (id),
    -- NULL for a word to nobody in particular.
    recipient_id   uuid REFERENCES network_participants (id),
    channel        text NOT NULL CONSTRAINT network_messages_channel CHECK (channel IN ('call', 'message', 'mailbox')),
    in_reply_to_id uuid,
    -- A digest of what came in through a callback, by which a repeat is known.
    dedupe         bytea,
    created_at     timestamptz NOT NULL,
    content        text NOT NULL CONSTRAINT network_messages_content CHECK (char_length(content) <= 65536),
    metadata       jsonb
);
CREATE INDEX network_messages_network ON network_messages (network_id, seq);
CREATE INDEX network_messages_sender ON network_messages (sender_id, seq);
CREATE INDEX network_messages_recipient ON network_messages (recipient_id, seq);
CREATE INDEX network_messages_dedupe ON network_messages (sender_id, dedupe) WHERE dedupe IS NOT NULL;

-- One message on its way to one participant. It is the job of its delivery, too.
CREATE TABLE network_deliveries (
    message_seq  bigint NOT NULL REFERENCES network_messages (seq) ON DELETE CASCADE,
    recipient_id uuid NOT NULL REFERENCES network_lanes (participant_id),
    channel      text NOT NULL,
    status       text NOT NULL CONSTRAINT network_deliveries_status CHECK (status IN ('pending', 'delivered', 'read', 'failed')),
    -- Whether it waits in the recipient's lane.
    queued       boolean NOT NULL,
    attempts     integer NOT NULL CONSTRAINT network_deliveries_attempts CHECK (attempts >= 0),
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    delivered_at timestamptz,
    read_at      timestamptz,
    last_error   text,
    PRIMARY KEY (message_seq, recipient_id),
    CONSTRAINT network_deliveries_queued CHECK (NOT queued OR status = 'pending'),
    CONSTRAINT network_deliveries_read CHECK ((read_at IS NOT NULL) = (status = 'read'))
);
CREATE INDEX network_deliveries_unread ON network_deliveries (recipient_id, message_seq, channel) WHERE status IN ('pending', 'delivered');
CREATE INDEX network_deliveries_queue ON network_deliveries (recipient_id, message_seq) WHERE queued;

-- Calls that are being made. Whoever dies over one leaves it here, to be closed when its time is over.
CREATE TABLE network_calls (
    message_id        uuid PRIMARY KEY,
    expires_at        timestamptz NOT NULL,
    -- The claim that is finished with the call.
    idempotency_scope text,
    idempotency_key   text
);
CREATE INDEX network_calls_expiry ON network_calls (expires_at);
