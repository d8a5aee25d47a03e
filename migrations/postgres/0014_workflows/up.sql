-- Workflows and their runs. A task is a run of one step that was made up for it.

CREATE TABLE workflows (
    id          uuid PRIMARY KEY,
    owner_id    uuid NOT NULL REFERENCES owners (id),
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    -- The version that new runs take.
    version     integer NOT NULL CHECK (version >= 1),
    -- It is not found by its name any more, and not run; what runs goes on.
    archived_at timestamptz,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX workflows_name ON workflows (owner_id, name) WHERE archived_at IS NULL;
CREATE INDEX workflows_owner ON workflows (owner_id, created_at, id);

-- Versions never change: a run keeps the one that it began with.
CREATE TABLE workflow_versions (
    workflow_id uuid NOT NULL REFERENCES workflows (id),
    version     integer NOT NULL CHECK (version >= 1),
    definition  jsonb NOT NULL,
    triggers    jsonb,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (workflow_id, version)
);

CREATE TABLE executions (
    id             uuid PRIMARY KEY,
    owner_id       uuid NOT NULL REFERENCES owners (id),
    -- NULL for a task.
    workflow_id    uuid REFERENCES workflows (id),
    version        integer,
    -- The run, and its step, that this is a part of.
    parent_id      uuid REFERENCES executions (id),
    parent_step_id text,
    depth          integer NOT NULL CHECK (depth BETWEEN 0 AND 16),
    status         text NOT NULL
        CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled', 'timed_out')),
    -- Rises when another driver takes over. A driver whose number is not this one may change nothing.
    driver         bigint NOT NULL CHECK (driver >= 0),
    input          jsonb NOT NULL,
    error          text,
    created_at     timestamptz NOT NULL,
    -- When it was its turn; NULL while its workflow has as many runs as it may.
    admitted_at    timestamptz,
    started_at     timestamptz,
    deadline_at    timestamptz,
    completed_at   timestamptz,
    FOREIGN KEY (workflow_id, version) REFERENCES workflow_versions (workflow_id, version),
    CONSTRAINT executions_workflow CHECK ((workflow_id IS NULL) = (version IS NULL)),
    CONSTRAINT executions_parent CHECK ((parent_id IS NULL) = (depth = 0) AND (parent_id IS NULL) = (parent_step_id IS NULL)),
    CONSTRAINT executions_started CHECK ((started_at IS NULL) = (deadline_at IS NULL) AND (status <> 'running' OR started_at IS NOT NULL)),
    CONSTRAINT executions_ended CHECK ((completed_at IS NOT NULL) = (status NOT IN ('pending', 'running')))
);
CREATE INDEX executions_owner ON executions (owner_id, created_at, id) WHERE workflow_id IS NOT NULL;
CREATE INDEX executions_workflow_runs ON executions (workflow_id, created_at, id);
CREATE INDEX executions_parent_runs ON executions (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX executions_open ON executions (owner_id) WHERE status IN ('pending', 'running');
CREATE INDEX executions_queue ON executions (workflow_id, created_at, id) WHERE status IN ('pending', 'running') AND parent_id IS NULL;
CREATE INDEX executions_late ON executions (deadline_at) WHERE status = 'running';

CREATE TABLE tasks (
    -- That of its run.
    id               uuid PRIMARY KEY REFERENCES executions (id),
    owner_id         uuid NOT NULL,
    goal             text NOT NULL,
    -- The conversation that its calls are part of; NULL until there is one.
    conversation_id  uuid,
    message_id       uuid,
    external_user_id text,
    -- The most that it may cost, in whole credits.
    max_credits      bigint CHECK (max_credits >= 0),
    timeout_seconds  integer NOT NULL CHECK (timeout_seconds > 0),
    created_at       timestamptz NOT NULL
);
CREATE INDEX tasks_owner ON tasks (owner_id, created_at, id);

CREATE TABLE execution_steps (
    execution_id uuid NOT NULL REFERENCES executions (id),
    -- Its place in the definition.
    position     integer NOT NULL CHECK (position >= 0),
    id           uuid NOT NULL,
    step_id      text NOT NULL,
    type         text NOT NULL CHECK (type IN ('agent', 'skill', 'plan', 'condition', 'sub_workflow')),
    target       text,
    status       text NOT NULL
        CHECK (status IN ('pending', 'running', 'completed', 'failed', 'skipped', 'cancelled', 'timed_out')),
    -- The place of the step that a condition chose.
    chosen       integer,
    -- Whom it may call, in order: found once, and kept for all attempts.
    candidates   jsonb,
    -- Not before then: the wait between two attempts.
    due_at       timestamptz,
    error        text,
    started_at   timestamptz,
    completed_at timestamptz,
    PRIMARY KEY (execution_id, position),
    UNIQUE (execution_id, step_id)
);

-- One try of one step. Its id is the idempotency key of its call, so that whoever takes over hears how it ended.
CREATE TABLE execution_attempts (
    id                 uuid PRIMARY KEY,
    execution_id       uuid NOT NULL REFERENCES executions (id),
    position           integer NOT NULL,
    attempt            integer NOT NULL CHECK (attempt >= 1),
    -- The place of its target among the step's candidates.
    candidate          integer NOT NULL CHECK (candidate >= 0),
    target_id          uuid,
    target_name        text NOT NULL,
    status             text NOT NULL CHECK (status IN ('running', 'completed', 'failed', 'timed_out')),
    -- Of a failure: whether the same may go well another time.
    may_pass           boolean NOT NULL,
    input              jsonb NOT NULL,
    output             jsonb,
    error              text,
    invocation_id      uuid,
    child_execution_id uuid REFERENCES executions (id),
    credits_charged    bigint CHECK (credits_charged >= 0),
    started_at         timestamptz NOT NULL,
    completed_at       timestamptz,
    UNIQUE (execution_id, position, attempt),
    FOREIGN KEY (execution_id, position) REFERENCES execution_steps (execution_id, position),
    CONSTRAINT execution_attempts_ended CHECK ((completed_at IS NULL) = (status = 'running'))
);
-- A step has one attempt under way at a time.
CREATE UNIQUE INDEX execution_attempts_running ON execution_attempts (execution_id, position) WHERE status = 'running';
