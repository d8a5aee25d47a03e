//! The table, with what it was measured on.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Result, load::Figures, options::Options};

/// One line of the table.
pub struct Row {
    /// On which database.
    pub database: &'static str,
    /// Which load.
    pub run: &'static str,
    /// What came of it.
    pub figures: Figures,
    /// The server's memory after it.
    pub rss_mb: u64,
}

/// What was measured on, and what of it.
pub struct Machine {
    machine: String,
    /// The commit, short; `-dirty` when there is more than that.
    pub commit: String,
    load: String,
}

/// All of it.
pub struct Report {
    machine: Machine,
    /// What was measured.
    pub rows: Vec<Row>,
}

/// The first line that a command prints, or nothing.
fn said(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// What follows `key` and a colon in a file of /proc.
fn told(file: &str, key: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
    line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}

impl Machine {
    /// This machine, and the commit that is checked out.
    pub fn this(load: &str) -> Result<Self> {
        let cores = std::thread::available_parallelism()?;
        let folder = std::env::temp_dir();
        let disk = Command::new("df").arg("--output=fstype").arg(&folder).output();
        let disk = disk.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let dirty = if said("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty() { "" } else { "-dirty" };
        Ok(Self {
            machine: format!(
                "{cores} cores of {}, {} of memory, {}, data on {}, {}",
                told("/proc/cpuinfo", "model name"),
                told("/proc/meminfo", "MemTotal"),
                said("uname", &["-sr"]),
                disk.lines().nth(1).unwrap_or("an unknown file system"),
                said("psql", &["--version"]),
            ),
            commit: format!("{}{dirty}", said("git", &["rev-parse", "--short=12", "HEAD"])),
            load: format!("{load}, on {}", said("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        })
    }

    /// What stands above a table.
    pub fn heading(&self, what: &str) -> String {
        format!("# {what} of {}\n\n{}.\n{}.\n\n", self.commit, self.machine, self.load)
    }
}

/// A time as wrk writes it, in milliseconds.
pub fn millis(text: &str) -> f64 {
    for (unit, factor) in [("us", 0.001), ("ms", 1.0), ("s", 1_000.0), ("m", 60_000.0)] {
        if let Some(number) = text.strip_suffix(unit).and_then(|number| number.parse::<f64>().ok()) {
            return number * factor;
        }
    }
    f64::NAN
}

impl Report {
    /// An empty report that knows the machine and the commit.
    pub fn of_this_machine(options: &Options) -> Result<Self> {
        let load = format!("wrk with {} connections, {} s a run", options.connections, options.seconds);
        Ok(Self { machine: Machine::this(&load)?, rows: Vec::new() })
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut text = self.machine.heading("HTTP benchmark");
        text.push_str("| database | run | req/s | p50 | p99 | RSS | |\n|---|---|---:|---:|---:|---:|---|\n");
        for row in &self.rows {
            let Figures { per_second, p50, p99, wrong } = &row.figures;
            let (database, run, rss) = (row.database, row.run, row.rss_mb);
            // Writing to a string does not fail.
            let _ = writeln!(text, "| {database} | {run} | {per_second:.0} | {p50} | {p99} | {rss} MB | {wrong} |");
        }
        text
    }

    /// Writes the table into `folder`.
    pub fn save(&self, folder: &Path, table: &str) -> Result<PathBuf> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("http-{}.md", self.machine.commit));
        fs::write(&path, table)?;
        Ok(path)
    }
}
