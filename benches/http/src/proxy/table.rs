//! The table: medians of the rounds, beside what nginx does in the same rounds.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::stream::Streamed;
use crate::{
    Result,
    load::Figures,
    options::Options,
    report::{Machine, millis},
};

/// One way with so many connections.
pub struct Row {
    pub way: &'static str,
    pub connections: u32,
    /// What each round came to.
    pub rounds: Vec<Figures>,
}

impl Row {
    fn median(&self, of: impl Fn(&Figures) -> f64) -> f64 {
        let mut all: Vec<f64> = self.rounds.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn per_second(&self) -> f64 {
        self.median(|figures| figures.per_second)
    }

    fn p50_us(&self) -> f64 {
        self.median(|figures| millis(&figures.p50) * 1_000.0)
    }

    fn wrong(&self) -> String {
        self.rounds.iter().map(|figures| figures.wrong.as_str()).filter(|wrong| !wrong.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

/// All of it.
pub struct Table {
    machine: Machine,
    databases: Vec<(&'static str, Vec<Row>)>,
    /// The median time of a commit, by database.
    pub syncs: Vec<(&'static str, Duration)>,
    /// The large file, by database.
    pub streams: Vec<(&'static str, Streamed)>,
}

impl Table {
    /// An empty one.
    pub fn of_this_machine(options: &Options) -> Result<Self> {
        let machine = Machine::this(&format!("wrk, {} s a run, medians of {} rounds in turns", options.seconds, super::ROUNDS))?;
        Ok(Self { machine, databases: Vec::new(), syncs: Vec::new(), streams: Vec::new() })
    }

    /// Adds what was measured on a database.
    pub fn add(&mut self, database: &'static str, rows: Vec<Row>) {
        self.databases.push((database, rows));
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut text = self.machine.heading("Paid proxy beside nginx");
        text.push_str("| database | way | connections | req/s | of nginx | p50 | beyond direct | p99 | |\n");
        text.push_str("|---|---|---:|---:|---:|---:|---:|---:|---|\n");
        for (database, rows) in &self.databases {
            for row in rows {
                let beside = |way: &str| rows.iter().find(|other| other.way == way && other.connections == row.connections);
                let share = beside("nginx").map_or(f64::NAN, |nginx| row.per_second() / nginx.per_second() * 100.0);
                let beyond = beside("direct").map_or(f64::NAN, |direct| row.p50_us() - direct.p50_us());
                let p99 = row.median(|figures| millis(&figures.p99));
                // Writing to a string does not fail.
                let _ = writeln!(
                    text,
                    "| {database} | {} | {} | {:.0} | {share:.0} % | {:.0} µs | {beyond:.0} µs | {p99:.2} ms | {} |",
                    row.way,
                    row.connections,
                    row.per_second(),
                    row.p50_us(),
                    row.wrong(),
                );
            }
        }
        text.push('\n');
        for (database, time) in &self.syncs {
            let _ = writeln!(
                text,
                "A sync of 4 KiB to the disk of the data took {} µs (median, beside {database}).",
                time.as_micros()
            );
        }
        for (database, streamed) in &self.streams {
            let Streamed { took, before_mb, peak_mb } = streamed;
            let _ = writeln!(
                text,
                "1 GiB through a paid call ({database}) took {:.2} s; the server's memory was {before_mb} MB before, {peak_mb} MB at most.",
                took.as_secs_f64()
            );
        }
        text
    }

    /// Writes the table into `folder`.
    pub fn save(&self, folder: &Path, table: &str) -> Result<PathBuf> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("proxy-{}.md", self.machine.commit));
        fs::write(&path, table)?;
        Ok(path)
    }
}
