//! The table, with what it was measured on.

use std::{
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    Result,
    drive::Figures,
    engine::{Contender, Database, Kind},
    machine::{self, Used, said},
    options::Options,
    workload::Workload,
};

/// How the line of a run that failed begins.
const FAILED: &str = "FAILED";

const COLUMNS: &str = "\
| engine | accounts | transfers/s | × pgledger | × naive | p50 ms | p99 ms | max ms | bytes/transfer | CPU µs/transfer | others | steal |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
";

/// What was measured of one contender under one load.
pub struct Measured {
    /// What came of the run.
    pub figures: Figures,
    /// Bytes on disk per transfer, with its entries, its indexes, and what its accounts grew by.
    pub bytes: u64,
    /// Microseconds of processor time per transfer: callers, engine and database together.
    pub micros: u64,
    /// Who was using the machine.
    pub used: Used,
}

/// One line of the table.
pub struct Row<'a> {
    /// Who.
    pub contender: &'a Contender,
    /// Under which load.
    pub workload: &'a Workload,
    /// What came of it, or why nothing did.
    pub outcome: std::result::Result<Measured, String>,
}

/// The line of a run that failed, with what was behind it.
pub fn failed(error: &(dyn Error + Send + Sync + 'static)) -> String {
    let mut text = format!("{FAILED}: {error}");
    let mut behind = error.source();
    while let Some(error) = behind {
        let _ = write!(text, ": {error}");
        behind = error.source();
    }
    text.replace(['|', '\n'], " ")
}

/// All of it.
pub struct Report<'a> {
    head: String,
    commit: String,
    /// What was measured.
    pub rows: Vec<Row<'a>>,
}

impl Report<'_> {
    /// An empty report that knows the machine, the server and the commit.
    pub fn of_this_machine(options: &Options, server: &Result<String>) -> Result<Self> {
        let dirty = if said("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty() { "" } else { "-dirty" };
        let server = match server {
            Ok(settings) => format!("PostgreSQL: {settings}, {} connections for every engine", options.connections),
            Err(error) => error.to_string(),
        };
        let Options { callers, batch_callers, measured, warm_up, .. } = options;
        let head = format!(
            "{}.\n{server}. SQLite: WAL, synchronous=FULL.\n{callers} callers, one transfer each ({batch_callers} callers of \
             batches), {} s a run after {} s of warming up, on {}.\n",
            machine::line()?,
            measured.as_secs(),
            warm_up.as_secs(),
            said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        );
        Ok(Self { head, commit: format!("{}{dirty}", said("git", &["rev-parse", "--short=12", "HEAD"])), rows: Vec::new() })
    }

    /// Whether every run that was begun was right to the end.
    pub fn holds(&self) -> bool {
        !self.rows.iter().any(|row| row.outcome.as_ref().is_err_and(|why| why.starts_with(FAILED)))
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("# Ledger benchmark of {}\n\n{}\n", self.commit, self.head);
        text.push_str(COLUMNS);
        for row in &self.rows {
            let (name, load) = (row.contender.name, row.workload.name);
            // Writing to a string does not fail.
            let _ = match &row.outcome {
                Err(why) => writeln!(text, "| {name} | {load} | {why} | | | | | | | | | |"),
                Ok(Measured { figures, bytes, micros, used }) => {
                    let Figures { per_second, p50, p99, max } = figures;
                    let (peer, naive) = (self.ratio(row, Self::is_pgledger), self.ratio(row, Self::is_naive));
                    let Used { others, stolen, .. } = used;
                    writeln!(
                        text,
                        "| {name} | {load} | {per_second:.0} | {peer} | {naive} | {p50:.1} | {p99:.1} | {max:.1} | {bytes} \
                         | {micros} | {others} % | {stolen} % |"
                    )
                }
            };
        }
        text.push_str(
            "\ntransfers/s: new transfers acknowledged; × naive: on the same database; ms: of a caller's request; CPU: of \
             callers, engine and database; others, steal: what other processes and other guests of the host took of the \
             processor.\n",
        );
        text
    }

    fn is_pgledger(row: &Row, _: Database) -> bool {
        row.contender.kind == Kind::PgLedger
    }

    fn is_naive(row: &Row, database: Database) -> bool {
        matches!(row.contender.kind, Kind::NaiveSqlite | Kind::NaivePostgres) && row.contender.database == database
    }

    /// How many times as fast `row` is as the row of the same load that `which` picks.
    fn ratio(&self, row: &Row, which: fn(&Row, Database) -> bool) -> String {
        let mine = row.outcome.as_ref().map(|measured| measured.figures.per_second);
        let others = self.rows.iter().filter(|other| other.workload.name == row.workload.name);
        let other = others
            .filter(|other| which(other, row.contender.database))
            .find_map(|other| other.outcome.as_ref().ok().map(|measured| measured.figures.per_second));
        match (mine, other) {
            (Ok(mine), Some(other)) if other > 0.0 => format!("{:.2}", mine / other),
            _ => "–".to_owned(),
        }
    }

    /// Writes the table into `folder`.
    pub fn save(&self, folder: &Path, table: &str) -> Result<PathBuf> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("ledger-{}.md", self.commit));
        fs::write(&path, table)?;
        Ok(path)
    }
}
