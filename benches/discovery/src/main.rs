//! Measures the search for agents: how good it is on two sets of agents and queries, how fast the model is, and, over HTTP,
//! how fast the server answers with ten thousand agents in it.

mod http;
mod model;
mod options;
mod place;
mod sets;

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use options::Options;

/// Whatever keeps a benchmark from going on, readable.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match Options::read().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "bench-discovery: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut out = io::stdout();
    if options.wants("quality") {
        write!(out, "{}", runtime.block_on(sets::table())?)?;
    }
    if options.wants("model") {
        write!(out, "\n{}", model::table()?)?;
    }
    if options.wants("http") {
        let Some(server) = &options.server else {
            writeln!(out, "\nno --server, so nothing is measured over HTTP")?;
            return Ok(());
        };
        write!(out, "\n{}", http::table(&runtime, server, options)?)?;
    }
    Ok(())
}
