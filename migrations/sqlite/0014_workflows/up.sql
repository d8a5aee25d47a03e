-- Workflows and their runs. A task is a run of one step that was made up for it.

CREATE TABLE workflows (
    id          BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    owner_id    BLOB NOT NULL REFERENCES owners (id),
    name        TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    -- The version that new runs take.
    version     INTEGER NOT NULL CHECK (version >= 1),
    -- It is not found by its name any more, and not run; what runs goes on.
    archived_at INTEGER,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX workflows_name ON workflows (owner_id, name) WHERE archived_at IS NULL;
CREATE INDEX workflows_owner ON workflows (owner_id, created_at, id);

-- Versions never change: a run keeps the one that it began with.
CREATE TABLE workflow_versions (
    workflow_id BLOB NOT NULL REFERENCES workflows (id),
    version     INTEGER NOT NULL CHECK (version >= 1),
    definition  TEXT NOT NULL CHECK (json_valid(definition)),
    triggers    TEXT CHECK (json_valid(triggers)),
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (workflow_id, version)
) STRICT;

CREATE TABLE executions (
    id             BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    owner_id       BLOB NOT NULL REFERENCES owners (id),
    -- NULL for a task.
    workflow_id    BLOB REFERENCES workflows (id),
    version        INTEGER,
    -- The run, and its step, that this is a part of.
    parent_id      BLOB REFERENCES executions (id),
    parent_step_id TEXT,
    depth          INTEGER NOT NULL CHECK (depth BETWEEN 0 AND 16),
    status         TEXT NOT NULL
        CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled', 'timed_out')),
    -- Rises when another driver takes over. A driver whose number is not this one may change nothing.
    driver         INTEGER NOT NULL CHECK (driver >= 0),
    input          TEXT NOT NULL CHECK (json_valid(input)),
    error          TEXT,
    created_at     INTEGER NOT NULL,
    -- When it was its turn; NULL while its workflow has as many runs as it may.
    admitted_at    INTEGER,
    started_at     INTEGER,
    deadline_at    INTEGER,
    completed_at   INTEGER,
    FOREIGN KEY (workflow_id, version) REFERENCES workflow_versions (workflow_id, version),
    CONSTRAINT executions_workflow CHECK ((workflow_id IS NULL) = (version IS NULL)),
    CONSTRAINT executions_parent CHECK ((parent_id IS NULL) = (depth = 0) AND (parent_id IS NULL) = (parent_step_id IS NULL)),
    CONSTRAINT executions_started CHECK ((started_at IS NULL) = (deadline_at IS NULL) AND (status <> 'running' OR started_at IS NOT NULL)),
    CONSTRAINT executions_ended CHECK ((completed_at IS NOT NULL) = (status NOT IN ('pending', 'running')))
) STRICT, WITHOUT ROWID;
CREATE INDEX executions_owner ON executions (owner_id, created_at, id) WHERE workflow_id IS NOT NULL;
CREATE INDEX executions_workflow_runs ON executions (workflow_id, created_at, id);
CREATE INDEX executions_parent_runs ON executions (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX executions_open ON executions (owner_id) WHERE status IN ('pending', 'running');
CREATE INDEX executions_queue ON executions (workflow_id, created_at, id) WHERE status IN ('pending', 'running') AND parent_id IS NULL;
CREATE INDEX executions_late ON executions (deadline_at) WHERE status = 'running';

CREATE TABLE tasks (
    -- That of its run.
    id               BLOB PRIMARY KEY NOT NULL REFERENCES executions (id),
    owner_id         BLOB NOT NULL,
    goal             TEXT NOT NULL,
    -- The conversation that its calls are part of; NULL until there is one.
    conversation_id  BLOB,
    message_id       BLOB,
    external_user_id TEXT,
    -- The most that it may cost, in whole credits.
    max_credits      INTEGER CHECK (max_credits >= 0),
    timeout_seconds  INTEGER NOT NULL CHECK (timeout_seconds > 0),
    created_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tasks_owner ON tasks (owner_id, created_at, id);

CREATE TABLE execution_steps (
    execution_id BLOB NOT NULL REFERENCES executions (id),
    -- Its place in the definition.
    position     INTEGER NOT NULL CHECK (position >= 0),
    id           BLOB NOT NULL CHECK (length(id) = 16),
    step_id      TEXT NOT NULL,
    type         TEXT NOT NULL CHECK (type IN ('agent', 'skill', 'plan', 'condition', 'sub_workflow')),
    target       TEXT,
    status       TEXT NOT NULL
        CHECK (status IN ('pending', 'running', 'completed', 'failed', 'skipped', 'cancelled', 'timed_out')),
    -- The place of the step that a condition chose.
    chosen       INTEGER,
    -- Whom it may call, in order: found once, and kept for all attempts.
    candidates   TEXT CHECK (json_valid(candidates)),
    -- Not before then: the wait between two attempts.
    due_at       INTEGER,
    error        TEXT,
    started_at   INTEGER,
    completed_at INTEGER,
    PRIMARY KEY (execution_id, position),
    UNIQUE (execution_id, step_id)
) STRICT, WITHOUT ROWID;

-- One try of one step. Its id is the idempotency key of its call, so that whoever takes over hears how it ended.
CREATE TABLE execution_attempts (
    id                 BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    execution_id       BLOB NOT NULL REFERENCES executions (id),
    position           INTEGER NOT NULL,
    attempt            INTEGER NOT NULL CHECK (attempt >= 1),
    -- The place of its target among the step's candidates.
    candidate          INTEGER NOT NULL CHECK (candidate >= 0),
    target_id          BLOB,
    target_name        TEXT NOT NULL,
    status             TEXT NOT NULL CHECK (status IN ('running', 'completed', 'failed', 'timed_out')),
    -- Of a failure: whether the same may go well another time.
    may_pass           INTEGER NOT NULL CHECK (may_pass IN (0, 1)),
    input              TEXT NOT NULL CHECK (json_valid(input)),
    output             TEXT CHECK (json_valid(output)),
    error              TEXT,
    invocation_id      BLOB,
    child_execution_id BLOB REFERENCES executions (id),
    credits_charged    INTEGER CHECK (credits_charged >= 0),
    started_at         INTEGER NOT NULL,
    completed_at       INTEGER,
    UNIQUE (execution_id, position, attempt),
    FOREIGN KEY (execution_id, position) REFERENCES execution_steps (execution_id, position),
    CONSTRAINT execution_attempts_ended CHECK ((completed_at IS NULL) = (status = 'running'))
) STRICT;
-- A step has one attempt under way at a time.
CREATE UNIQUE INDEX execution_attempts_running ON execution_attempts (execution_id, position) WHERE status = 'running';
