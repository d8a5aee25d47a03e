-- The A2A protocol: agents that were imported by their cards, and the tasks of those who call agents through it.

-- What an agent's endpoint speaks.
ALTER TABLE agents ADD COLUMN protocol text NOT NULL DEFAULT 'http' CHECK (protocol IN ('http', 'a2a/0.3', 'a2a/1.0'));

-- The card of an imported agent, byte for byte, so that its signature can be checked again. The owner is the agent's: an
-- owner has one agent for an endpoint, however many others have imported the same.
CREATE TABLE a2a_cards (
    agent_id         uuid PRIMARY KEY REFERENCES agents (id),
    owner_id         uuid NOT NULL REFERENCES owners (id),
    endpoint         text NOT NULL,
    -- Where it was fetched.
    url              text NOT NULL,
    signature        text NOT NULL CHECK (signature IN ('unsigned', 'verified', 'invalid')),
    -- Whose key verified it, or why none did.
    signature_detail text,
    fetched_at       timestamptz NOT NULL,
    card             bytea NOT NULL CHECK (length(card) BETWEEN 2 AND 1048576),
    CONSTRAINT a2a_cards_endpoint UNIQUE (owner_id, endpoint)
);

-- A task has the id of the call that it makes.
CREATE TABLE a2a_tasks (
    id             uuid PRIMARY KEY,
    owner_id       uuid NOT NULL REFERENCES owners (id),
    -- NULL: the platform itself was asked.
    agent_id       uuid REFERENCES agents (id),
    context_id     text NOT NULL CHECK (length(context_id) BETWEEN 1 AND 255),
    state          text NOT NULL CHECK (state IN (
                       'submitted', 'working', 'completed', 'failed', 'canceled', 'input-required', 'rejected', 'auth-required')),
    -- A digest of the message that began it: the same one again is a repeat, and begins nothing.
    repeat_digest  bytea CHECK (length(repeat_digest) = 32),
    -- The numbers of its latest event, of the latest one that `artifacts` has in it, and of its latest message.
    last_event     bigint NOT NULL CHECK (last_event >= 0),
    folded_event   bigint NOT NULL CHECK (folded_event BETWEEN 0 AND last_event),
    last_message   bigint NOT NULL CHECK (last_message >= 0),
    -- The process that works on it, which has to say so again before this runs out.
    runner_id      uuid,
    lease_until    timestamptz,
    created_at     timestamptz NOT NULL,
    status_at      timestamptz NOT NULL,
    status_message jsonb,
    metadata       jsonb,
    artifacts      jsonb NOT NULL,
    CONSTRAINT a2a_tasks_lease CHECK ((runner_id IS NULL) = (lease_until IS NULL)),
    CONSTRAINT a2a_tasks_ended CHECK (runner_id IS NULL OR state IN ('submitted', 'working'))
);
CREATE UNIQUE INDEX a2a_tasks_repeat ON a2a_tasks (owner_id, repeat_digest) WHERE repeat_digest IS NOT NULL;
CREATE INDEX a2a_tasks_owner ON a2a_tasks (owner_id, status_at, id);
CREATE INDEX a2a_tasks_agent ON a2a_tasks (owner_id, agent_id, status_at, id);
CREATE INDEX a2a_tasks_context ON a2a_tasks (owner_id, context_id, status_at, id);
CREATE INDEX a2a_tasks_state ON a2a_tasks (owner_id, state, status_at, id);
CREATE INDEX a2a_tasks_lease ON a2a_tasks (lease_until) WHERE lease_until IS NOT NULL;

CREATE TABLE a2a_messages (
    task_id uuid NOT NULL REFERENCES a2a_tasks (id) ON DELETE CASCADE,
    seq     bigint NOT NULL CHECK (seq > 0),
    message jsonb NOT NULL,
    PRIMARY KEY (task_id, seq)
);

-- What streams and push notifications tell, in order. Kept for a day.
CREATE TABLE a2a_events (
    task_id    uuid NOT NULL REFERENCES a2a_tasks (id) ON DELETE CASCADE,
    seq        bigint NOT NULL CHECK (seq > 0),
    created_at timestamptz NOT NULL,
    event      jsonb NOT NULL,
    PRIMARY KEY (task_id, seq)
);
CREATE INDEX a2a_events_created ON a2a_events (created_at);

CREATE TABLE a2a_push_configs (
    task_id    uuid NOT NULL REFERENCES a2a_tasks (id) ON DELETE CASCADE,
    id         text NOT NULL CHECK (length(id) BETWEEN 1 AND 128),
    url        text NOT NULL,
    -- In which version of the protocol its owner speaks.
    version    text NOT NULL CHECK (version IN ('0.3', '1.0')),
    scheme     text,
    -- The token and the credentials, encrypted.
    key_id     text,
    nonce      bytea,
    secrets    bytea,
    -- The latest event that was delivered, and whether a job is at it.
    delivered  bigint NOT NULL CHECK (delivered >= 0),
    queued     boolean NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (task_id, id),
    CONSTRAINT a2a_push_configs_secrets CHECK ((secrets IS NULL) = (nonce IS NULL) AND (secrets IS NULL) = (key_id IS NULL))
);
