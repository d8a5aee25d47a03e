-- What agents mean: a vector for each, made after the commit, and the order in which they changed, so that every server
-- can hold all of them in memory and ask for what is new.

CREATE TABLE agent_vectors (
    agent_id          uuid PRIMARY KEY REFERENCES agents (id),
    -- Counts what an agent is found by; raised in the transaction that changes it.
    revision          bigint NOT NULL CONSTRAINT agent_vectors_revision_check CHECK (revision > 0),
    -- The revision that the vector was made from; 0 when there was none yet. Below `revision` there is work to do.
    embedded_revision bigint NOT NULL DEFAULT 0
        CONSTRAINT agent_vectors_embedded_check CHECK (embedded_revision BETWEEN 0 AND revision),
    -- Where the vector's last change stands in the order of all such changes; 0 when there was none yet.
    change_no         bigint NOT NULL DEFAULT 0 CONSTRAINT agent_vectors_change_check CHECK (change_no >= 0),
    -- What made the vector. Vectors of two models are never compared.
    model             text COLLATE "C",
    -- What one step of the vector's signed bytes is worth.
    scale             double precision CONSTRAINT agent_vectors_scale_check CHECK (scale > 0),
    -- NULL: the agent is not to be found.
    vector            bytea,
    CONSTRAINT agent_vectors_whole_check CHECK ((vector IS NULL) = (scale IS NULL)),
    CONSTRAINT agent_vectors_model_check CHECK ((embedded_revision = 0) = (model IS NULL)),
    CONSTRAINT agent_vectors_made_check CHECK ((embedded_revision = 0) = (change_no = 0))
);
-- Compressing numbers that look random only takes time.
ALTER TABLE agent_vectors ALTER COLUMN vector SET STORAGE EXTERNAL;
CREATE INDEX agent_vectors_stale ON agent_vectors (agent_id) WHERE embedded_revision < revision;
CREATE INDEX agent_vectors_changes ON agent_vectors (change_no, agent_id);
CREATE INDEX agent_vectors_model ON agent_vectors (model, agent_id);

-- One row: the number of the last change, and the model that makes vectors now. Whoever writes vectors locks it, so that
-- the numbers are committed in their order.
CREATE TABLE agent_vector_head (
    id        integer PRIMARY KEY CONSTRAINT agent_vector_head_one CHECK (id = 1),
    change_no bigint NOT NULL CONSTRAINT agent_vector_head_change_check CHECK (change_no >= 0),
    model     text COLLATE "C"
);
INSERT INTO agent_vector_head (id, change_no) VALUES (1, 0);

-- Those that are there already come first.
INSERT INTO agent_vectors (agent_id, revision) SELECT id, 1 FROM agents WHERE state = 'active';

-- An agent is asked for by its very name, too.
CREATE INDEX agent_texts_name ON agent_texts (name);
