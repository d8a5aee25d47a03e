//! The machine: what it is, what a durable write costs on it, and who else was using it.

use std::{
    env,
    fs::{self, File},
    os::unix::fs::FileExt,
    process::{self, Command},
    time::Instant,
};

use crate::{Result, engine::Database};

/// How often the disk is tried.
const WRITES: usize = 400;
/// What is written: a page as PostgreSQL's log has them.
const PAGE: [u8; 8_192] = [7; 8_192];

/// The first line that a command prints, or nothing.
pub fn said(command: &str, arguments: &[&str]) -> String {
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

/// One line about the machine.
///
/// # Errors
/// When the files would be in memory: a commit there costs nothing.
pub fn line() -> Result<String> {
    let folder = env::temp_dir();
    let disk = Command::new("df").arg("--output=fstype").arg(&folder).output();
    let disk = disk.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let disk = disk.lines().nth(1).unwrap_or("an unknown file system").trim();
    if ["tmpfs", "ramfs"].contains(&disk) {
        return Err(format!("{} is memory; set TMPDIR to a folder on a disk", folder.display()).into());
    }
    Ok(format!(
        "{} cores of {}, {} of memory, {}, data on {disk}; {}; load average {}",
        std::thread::available_parallelism()?,
        told("/proc/cpuinfo", "model name"),
        told("/proc/meminfo", "MemTotal"),
        said("uname", &["-sr"]),
        durable_write()?,
        fs::read_to_string("/proc/loadavg").unwrap_or_default().split_whitespace().take(3).collect::<Vec<_>>().join(" "),
    ))
}

/// What one small durable write takes, one after another.
fn durable_write() -> Result<String> {
    let path = env::temp_dir().join(format!("rialto_bench_{}_fsync", process::id()));
    let file = File::create(&path)?;
    let mut micros = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let begun = Instant::now();
        file.write_all_at(&PAGE, 0)?;
        file.sync_data()?;
        micros.push(begun.elapsed().as_micros());
    }
    fs::remove_file(path)?;
    micros.sort_unstable();
    let at = |percent: usize| micros.get(WRITES * percent / 100).copied().unwrap_or_default();
    Ok(format!("write of 8 kB with fdatasync: p50 {} µs, p99 {} µs", at(50), at(99)))
}

/// Processor time so far, in ticks of the kernel.
pub struct Busy {
    database: Database,
    all: u64,
    busy: u64,
    stolen: u64,
    engine: u64,
}

/// Who used the processor during a run.
pub struct Used {
    /// Microseconds that this process took, and PostgreSQL where the engine is on it. Whoever else uses that server meanwhile
    /// is counted with it.
    pub engine_micros: u64,
    /// Other processes, in percent of all there was.
    pub others: u64,
    /// Other guests of the same host, in percent of all there was.
    pub stolen: u64,
}

/// Microseconds in a tick, as /proc counts them.
const TICK: u64 = 10_000;

impl Busy {
    /// So far.
    pub fn now(database: Database) -> Self {
        let text = fs::read_to_string("/proc/stat").unwrap_or_default();
        let ticks: Vec<u64> =
            text.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8).flat_map(str::parse).collect();
        // user, nice, system, idle, iowait, irq, softirq, steal
        let at = |place: usize| ticks.get(place).copied().unwrap_or_default();
        let busy = at(0) + at(1) + at(2) + at(5) + at(6);
        Self { database, all: ticks.iter().sum(), busy, stolen: at(7), engine: engine(database) }
    }

    /// What was used since then.
    pub fn since(&self) -> Used {
        let now = Self::now(self.database);
        let all = now.all.saturating_sub(self.all).max(1);
        let engine = now.engine.saturating_sub(self.engine);
        let others = now.busy.saturating_sub(self.busy).saturating_sub(engine);
        let stolen = now.stolen.saturating_sub(self.stolen);
        Used { engine_micros: engine * TICK, others: others * 100 / all, stolen: stolen * 100 / all }
    }
}

/// The ticks of this process, and of PostgreSQL where the engine is on it, with what their children that have ended took.
fn engine(database: Database) -> u64 {
    let Ok(processes) = fs::read_dir("/proc") else { return 0 };
    let own = process::id().to_string();
    let mut ticks = 0;
    for process in processes.flatten() {
        let Ok(stat) = fs::read_to_string(process.path().join("stat")) else { continue };
        let Some((name, rest)) = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')) else { continue };
        if *process.file_name() == *own || (name == "postgres" && database == Database::Postgres) {
            // After the name: state first, and user, system, children's user, children's system from the twelfth on.
            ticks += rest.split_whitespace().skip(11).take(4).flat_map(str::parse::<u64>).sum::<u64>();
        }
    }
    ticks
}
