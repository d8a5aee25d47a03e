#!/usr/bin/env bash
# Builds the server and the driver, and measures. All flags go to the driver: see README.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
command -v wrk >/dev/null || { echo "wrk is not installed: apt-get install wrk"; exit 1; }
cargo build --release --locked --package rialto
cargo build --release --locked --package rialto-bench-http
target=${CARGO_TARGET_DIR:-target}
# Not /tmp, which may be memory: a commit there costs nothing.
export TMPDIR="$target/bench"
mkdir -p "$TMPDIR"
exec "$target/release/rialto-bench-http" --server "$target/release/rialto" --out benches/results "$@"
