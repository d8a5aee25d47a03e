#!/usr/bin/env bash
# Builds the driver, and measures. All flags go to it: see README.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cargo build --release --locked --package rialto-bench-ledger
target=${CARGO_TARGET_DIR:-target}
# Not /tmp, which may be memory: a commit there costs nothing.
export TMPDIR="$target/bench"
mkdir -p "$TMPDIR"
exec "$target/release/rialto-bench-ledger" --out benches/results "$@"
