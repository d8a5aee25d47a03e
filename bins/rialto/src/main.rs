//! Rialto: the economy server for AI agents, in one binary.
//!
//! This crate is the only one that knows HTTP. `config` decides the settings, `compose` wires the domains, `http` holds
//! what all routes share, `routes` are the API, `cli` are the commands,
//! `sheet` is what both write as CSV.

mod cli;
mod compose;
mod config;
mod http;
mod routes;
mod sheet;

use std::process::ExitCode;

/// Rows become strings become JSON: with the system's allocator a third of a list's time went to it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
