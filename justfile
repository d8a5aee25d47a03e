# The commands that a developer needs. `just` lists them.

set shell := ["bash", "-euo", "pipefail", "-c"]

_default:
    @just --list --unsorted

# Serve on 127.0.0.1:8000 with the data in ./rialto.db
run *flags:
    cargo run --release -- {{flags}}

# Show the main job end to end
demo *text:
    cargo run --release -- demo {{text}}

# All tests: on SQLite, and on PostgreSQL when one answers on 127.0.0.1:5432 or RIALTO_TEST_POSTGRES_URL is set
test *filter:
    cargo test --workspace -- {{filter}}

# Start a throw-away PostgreSQL for the tests, in a container
postgres:
    docker run --rm --detach --name rialto-postgres --env POSTGRES_HOST_AUTH_METHOD=trust --publish 127.0.0.1:5432:5432 postgres:16-bookworm

# Format
fmt:
    cargo fmt --all

# What a reviewer would not want to have to say
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# Write openapi/openapi.json from the code
openapi:
    mkdir -p openapi
    cargo run --quiet --package rialto -- openapi > openapi/openapi.json.new
    mv openapi/openapi.json.new openapi/openapi.json

# Make the folders of a new migration: `just migration 0007_webhooks`
migration name:
    mkdir -p migrations/{sqlite,postgres}/{{name}}
    touch migrations/{sqlite,postgres}/{{name}}/{up,down}.sql
    @echo "Now write the four files, and add \"{{name}}\" to Migration::ALL in crates/store/src/migrations.rs"

# What CI runs
ci:
    .ci/run

# Requests per second over HTTP, on SQLite and on PostgreSQL (needs wrk; see benches/http/README.md)
bench-http *flags:
    benches/http/run.sh {{flags}}

# The paid proxy beside nginx: requests a second, added latency, memory (needs wrk and nginx; see benches/http/README.md)
bench-proxy *flags:
    benches/http/run.sh --suite proxy {{flags}}

# The order book against other crates: speed, latency, memory, check sums (`--quick` for a tenth, without a file)
bench-book *flags:
    cargo run --release --manifest-path benches/orderbook/Cargo.toml -- {{flags}}

# How good and how fast the search for agents is (see benches/discovery/README.md)
bench-discovery *flags:
    cargo build --release --locked --package rialto --package rialto-bench-discovery
    "${CARGO_TARGET_DIR:-target}/release/rialto-bench-discovery" --server "${CARGO_TARGET_DIR:-target}/release/rialto" {{flags}}

# Transfers per second of the ledger beside pgledger and plain SQL (see benches/ledger/README.md)
bench-ledger *flags:
    benches/ledger/run.sh {{flags}}

# Make the secrets that compose.yaml reads, once
secrets:
    #!/usr/bin/env bash
    set -euo pipefail
    [ ! -e secrets ] || { echo "secrets/ exists; it is never overwritten"; exit 1; }
    random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
    mkdir -m 700 secrets
    password=$(random)
    # Readable by all, in a folder that only its owner can enter: the containers run under other users.
    printf '%s' "$password" > secrets/postgres_password
    printf 'database_url = "postgres://rialto:%s@db/rialto"\njwt_secret = "%s"\nencryption_key = "%s"\n' "$password" "$(random)" "$(random)" > secrets/rialto.toml
    chmod 644 secrets/*
    echo "made secrets/postgres_password and secrets/rialto.toml; keep a copy of the second with your backups"
