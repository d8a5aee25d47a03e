-- Services: what owners offer for money, by the call.

CREATE TABLE services (
    seq             INTEGER PRIMARY KEY,
    id              BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    owner_id        BLOB NOT NULL REFERENCES owners (id),
    -- What the owner is called: it never changes.
    provider        TEXT NOT NULL,
    -- Only the active are found and called; the removed stay readable by their ids.
    state           TEXT NOT NULL CHECK (state IN ('active', 'paused', 'removed')),
    name            TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    description     TEXT NOT NULL,
    endpoint        TEXT NOT NULL,
    -- Micro-USDC for one call.
    price           INTEGER NOT NULL CHECK (price BETWEEN 0 AND 100000000),
    payment_method  TEXT NOT NULL CHECK (payment_method IN ('x402', 'paypal', 'nowpayments', 'balance')),
    -- How many calls each buyer has for nothing.
    free_tier_calls INTEGER NOT NULL CHECK (free_tier_calls >= 0),
    -- Empty for none.
    category        TEXT NOT NULL,
    -- As the owner wrote them; service_tags holds them for filtering.
    tags            TEXT NOT NULL,
    -- Tags and category, in words, for the full text.
    labels          TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;
CREATE INDEX services_by_created ON services (state, created_at, id);
CREATE INDEX services_by_price ON services (state, price, id);
CREATE INDEX services_by_name ON services (state, lower(name), id);
CREATE INDEX services_by_category ON services (state, category, created_at, id);
CREATE INDEX services_by_owner ON services (owner_id, created_at, id);

-- In lower case.
CREATE TABLE service_tags (
    tag        TEXT NOT NULL,
    service_id BLOB NOT NULL REFERENCES services (id),
    PRIMARY KEY (tag, service_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX service_tags_service ON service_tags (service_id);

-- The full-text index over services; PostgreSQL has a tsvector column instead.
CREATE VIRTUAL TABLE services_fts USING fts5 (
    name, labels, description,
    content = 'services', content_rowid = 'seq', tokenize = 'porter unicode61 remove_diacritics 2'
);
INSERT INTO services_fts (services_fts, rank) VALUES ('rank', 'bm25(8.0, 4.0, 1.0)');
CREATE TRIGGER services_inserted AFTER INSERT ON services BEGIN
    INSERT INTO services_fts (rowid, name, labels, description) VALUES (new.seq, new.name, new.labels, new.description);
END;
CREATE TRIGGER services_updated AFTER UPDATE OF name, labels, description ON services BEGIN
    INSERT INTO services_fts (services_fts, rowid, name, labels, description)
    VALUES ('delete', old.seq, old.name, old.labels, old.description);
    INSERT INTO services_fts (rowid, name, labels, description) VALUES (new.seq, new.name, new.labels, new.description);
END;
