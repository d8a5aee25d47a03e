//! Measures the ledger beside others on the same machine: single transfers and batches, durable, by many callers at once.

mod drive;
mod engine;
mod machine;
mod naive_postgres;
mod naive_sqlite;
mod options;
mod ours;
mod pgledger;
mod place;
mod report;
mod sessions;
mod workload;

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use drive::{Load, drive};
use engine::{Contender, Database, Engine, Kind};
use machine::Busy;
use options::Options;
use place::Place;
use report::{Report, Row};
use workload::{WORKLOADS, Workload};

/// As in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Whatever keeps a benchmark from going on, readable.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let done = async { run(&Options::read()?).await };
    match done.await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "bench-ledger: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures all that is wanted, and writes the table. Whether all books were right.
async fn run(options: &Options) -> Result<bool> {
    let server = sessions::settings(&options.postgres).await;
    let mut report = Report::of_this_machine(options, &server)?;
    for workload in &WORKLOADS {
        for contender in &Contender::ALL {
            let name = format!("{}/{}", contender.name, workload.name);
            if !options.wants(&name) {
                continue;
            }
            writeln!(io::stderr(), "{name} …")?;
            let missing = match (contender.database, contender.kind, &server) {
                (Database::Postgres, _, Err(error)) => Some(format!("not measured ({error})")),
                (_, Kind::PgLedger, _) if options.pgledger.is_empty() => Some("not measured (pass --pgledger)".to_owned()),
                _ => None,
            };
            let outcome = match missing {
                Some(why) => Err(why),
                None => contend(options, contender, workload).await.map_err(|error| report::failed(error.as_ref())),
            };
            report.rows.push(Row { contender, workload, outcome });
        }
    }
    let table = report.markdown();
    write!(io::stdout(), "{table}")?;
    let path = report.save(&options.out, &table)?;
    writeln!(io::stdout(), "\nwritten to {}", path.display())?;
    Ok(report.holds())
}

/// One contender under one load.
async fn contend(options: &Options, contender: &Contender, workload: &Workload) -> Result<report::Measured> {
    let place = Place::new(contender.database, &options.postgres).await?;
    let measured = match contender.kind {
        Kind::Ours => measure::<ours::Handle>(options, contender, workload, &place).await,
        Kind::OursInTransactions => measure::<ours::InTransactions>(options, contender, workload, &place).await,
        Kind::NaiveSqlite => measure::<naive_sqlite::Naive>(options, contender, workload, &place).await,
        Kind::NaivePostgres => measure::<naive_postgres::Naive>(options, contender, workload, &place).await,
        Kind::PgLedger => measure::<pgledger::PgLedger>(options, contender, workload, &place).await,
    };
    place.remove().await?;
    measured
}

async fn measure<E: Engine>(
    options: &Options,
    contender: &Contender,
    workload: &Workload,
    place: &Place,
) -> Result<report::Measured> {
    let engine = Arc::new(E::open(place, workload, options).await?);
    let before = place.settle().await?;
    let busy = Busy::now(contender.database);
    let load = Load {
        callers: if contender.batch > 1 { options.batch_callers } else { options.callers },
        batch: contender.batch,
        mix: contender.mix,
        warm_up: options.warm_up,
        measured: options.measured,
    };
    let driven = drive(&engine, *workload, load).await?;
    let used = busy.since();
    // The engine lets go of its connections before its books are looked at from outside.
    drop(engine);
    let after = place.size().await?;
    place.check(&E::BOOKS, workload, driven.acknowledged).await?;
    let each = |all: u64| all.checked_div(driven.acknowledged).unwrap_or_default();
    let (bytes, micros) = (each(after.saturating_sub(before)), each(used.engine_micros));
    Ok(report::Measured { figures: driven.figures, bytes, micros, used })
}
