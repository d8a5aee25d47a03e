-- Services: what owners offer for money, by the call.

CREATE TABLE services (
    seq             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              uuid NOT NULL UNIQUE,
    owner_id        uuid NOT NULL REFERENCES owners (id),
    -- What the owner is called: it never changes.
    provider        text NOT NULL,
    -- Only the active are found and called; the removed stay readable by their ids.
    state           text NOT NULL CHECK (state IN ('active', 'paused', 'removed')),
    -- Sorted the same way on every server, and as SQLite sorts it.
    name            text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    description     text NOT NULL,
    endpoint        text NOT NULL,
    -- Micro-USDC for one call.
    price           bigint NOT NULL CHECK (price BETWEEN 0 AND 100000000),
    payment_method  text NOT NULL CHECK (payment_method IN ('x402', 'paypal', 'nowpayments', 'balance')),
    -- How many calls each buyer has for nothing.
    free_tier_calls bigint NOT NULL CHECK (free_tier_calls >= 0),
    -- Empty for none.
    category        text COLLATE "C" NOT NULL,
    -- As the owner wrote them; service_tags holds them for filtering.
    tags            jsonb NOT NULL,
    -- Tags and category, in words, for the full text.
    labels          text NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    -- Punctuation goes first: PostgreSQL would read hosts, paths and hyphenated words as one word each; SQLite does not.
    document        tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('english', translate(name, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32))), 'A') ||
        setweight(to_tsvector('english', translate(labels, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32))), 'B') ||
        setweight(to_tsvector('english', translate(description, '!"#$%&''()*+,-./:;<=>?@[\]^_`{|}~', repeat(' ', 32))), 'C')
    ) STORED
);
CREATE INDEX services_by_created ON services (state, created_at, id);
CREATE INDEX services_by_price ON services (state, price, id);
CREATE INDEX services_by_name ON services (state, lower(name), id);
CREATE INDEX services_by_category ON services (state, category, created_at, id);
CREATE INDEX services_by_owner ON services (owner_id, created_at, id);
CREATE INDEX services_document ON services USING gin (document);

-- In lower case.
CREATE TABLE service_tags (
    tag        text NOT NULL,
    service_id uuid NOT NULL REFERENCES services (id),
    PRIMARY KEY (tag, service_id)
);
CREATE INDEX service_tags_service ON service_tags (service_id);
