//! Measures the server over HTTP: starts it, fills it, loads it with wrk, and writes a table.

mod agent;
mod client;
mod load;
mod options;
mod proxy;
mod report;
mod seed;
mod server;

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use options::{Database, Options, Suite};
use report::{Report, Row};

/// Whatever keeps a benchmark from going on, readable.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match Options::read().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "bench-http: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    if let Some(upstream) = &options.forward {
        return proxy::forward(upstream.clone());
    }
    if options.suite == Suite::Proxy {
        return proxy::run(options);
    }
    let echo = agent::start()?;
    let mut report = Report::of_this_machine(options)?;
    for database in options.databases()? {
        report.rows.extend(measure(options, &database, &echo)?);
    }
    let table = report.markdown();
    write!(io::stdout(), "{table}")?;
    let path = report.save(&options.out, &table)?;
    writeln!(io::stdout(), "\nwritten to {}", path.display())?;
    Ok(())
}

/// Measures all runs on one database.
fn measure(options: &Options, database: &Database, echo: &str) -> Result<Vec<Row>> {
    let place = database.prepare()?;
    let server = server::start(&options.server, place.url())?;
    let world = seed::fill(&server.address, echo)?;
    let mut rows = Vec::new();
    for run in load::runs(&world) {
        if !options.wants(run.name) {
            continue;
        }
        writeln!(io::stderr(), "{}: {} …", database.name(), run.name)?;
        let figures = load::measure(options, &server.address, &run, place.folder())?;
        rows.push(Row { database: database.name(), run: run.name, figures, rss_mb: server.rss_mb()? });
    }
    Ok(rows)
}
