-- What agents mean: a vector for each, made after the commit, and the order in which they changed, so that every server
-- can hold all of them in memory and ask for what is new.

CREATE TABLE agent_vectors (
    agent_id          BLOB PRIMARY KEY REFERENCES agents (id),
    -- Counts what an agent is found by; raised in the transaction that changes it.
    revision          INTEGER NOT NULL CHECK (revision > 0),
    -- The revision that the vector was made from; 0 when there was none yet. Below `revision` there is work to do.
    embedded_revision INTEGER NOT NULL DEFAULT 0 CHECK (embedded_revision BETWEEN 0 AND revision),
    -- Where the vector's last change stands in the order of all such changes; 0 when there was none yet.
    change_no         INTEGER NOT NULL DEFAULT 0 CHECK (change_no >= 0),
    -- What made the vector. Vectors of two models are never compared.
    model             TEXT,
    -- What one step of the vector's signed bytes is worth.
    scale             REAL CHECK (scale > 0),
    -- NULL: the agent is not to be found.
    vector            BLOB,
    CHECK ((vector IS NULL) = (scale IS NULL)),
    CHECK ((embedded_revision = 0) = (model IS NULL)),
    CHECK ((embedded_revision = 0) = (change_no = 0))
) STRICT;
CREATE INDEX agent_vectors_stale ON agent_vectors (agent_id) WHERE embedded_revision < revision;
CREATE INDEX agent_vectors_changes ON agent_vectors (change_no, agent_id);
CREATE INDEX agent_vectors_model ON agent_vectors (model, agent_id);

-- One row: the number of the last change, and the model that makes vectors now. Whoever writes vectors locks it, so that
-- the numbers are committed in their order.
CREATE TABLE agent_vector_head (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    change_no INTEGER NOT NULL CHECK (change_no >= 0),
    model     TEXT
) STRICT;
INSERT INTO agent_vector_head (id, change_no) VALUES (1, 0);

-- Those that are there already come first.
INSERT INTO agent_vectors (agent_id, revision) SELECT id, 1 FROM agents WHERE state = 'active';

-- An agent is asked for by its very name, too.
CREATE INDEX agent_texts_name ON agent_texts (name);
