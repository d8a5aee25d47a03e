//! The order book against other crates on the same orders: `just bench-book`.
//!
//! Prints a table for each kind of work and writes it to `benches/results/`. `--quick` runs a tenth of the work, `--only NAME` the
//! books whose name contains it; neither writes.

mod engines;
mod measure;
mod work;

use std::{fmt::Write, fs, io::Write as _, process::Command, time::Duration};

use measure::{Entry, Latency, Memory, Times};
use work::{Sums, Work};

const ROUNDS: usize = 5;

/// The check sums that were published with the work, for a million commands.
const GROW: Sums = Sums { trades: 198_307, quantity: 5_052_718, notional: 505_271_410_520 };
const STEADY: Sums = Sums { trades: 197_396, quantity: 5_035_726, notional: 503_572_354_307 };

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let is_quick = std::env::args().any(|flag| flag == "--quick");
    let only = std::env::args().skip_while(|flag| flag != "--only").nth(1);
    let ops = if is_quick { 100_000 } else { 1_000_000 };
    let mut report = head()?;
    for (title, work, sums) in [
        ("W1, grow: 60% rest, 30% cancel, 10% cross, from an empty book", Work::grow(ops), GROW),
        ("W2, steady: 10,000 orders, then 50% rest, 40% cancel, 10% cross", Work::steady(ops), STEADY),
    ] {
        if !is_quick && work.sums != sums {
            return Err(format!("the work itself is wrong: {:?} instead of {sums:?}", work.sums).into());
        }
        writeln!(report, "\n## {title}; {ops} commands, {} orders rest\n", work.resting)?;
        table(&work, only.as_deref().unwrap_or_default(), &mut report)?;
    }
    write!(std::io::stdout(), "{report}")?;
    if !is_quick && only.is_none() {
        let path = format!(
            "{}/../results/orderbook-{}.md",
            env!("CARGO_MANIFEST_DIR"),
            output("git", &["rev-parse", "--short=12", "HEAD"])?
        );
        fs::write(path, report)?;
    }
    Ok(())
}

fn output(program: &str, arguments: &[&str]) -> Result<String, Box<dyn std::error::Error>> {
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn head() -> Result<String, Box<dyn std::error::Error>> {
    let commit = output("git", &["rev-parse", "--short=12", "HEAD"])?;
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let names = cpus.lines().filter_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let (count, name) = (names.clone().count(), names.clone().next().unwrap_or("unknown processors"));
    let (system, date) = (output("uname", &["-sr"])?, output("date", &["-u", "+%F %R UTC"])?);
    Ok(format!(
        "# Order books, at {commit}\n\n\
         {count} × {name}, {system}, {date}. One core; {ROUNDS} rounds in turn, each on fresh books: median (slowest–fastest).\n\
         By processor time leaves out what others on the machine took from the run; it is exact to a few milliseconds.\n\
         Latency in a pass of its own with a clock around each command, whose time is included. An allocation is any call that\n\
         gets or resizes memory; \"late\" are those in the second half of the run. Sums are ok if count, quantity and price × quantity\n\
         of all trades are right.\n"
    ))
}

fn table(work: &Work, only: &str, report: &mut String) -> std::fmt::Result {
    let mut entries = engines::all();
    entries.retain(|entry| entry.name.contains(only));
    let mut times: Vec<Vec<Times>> = vec![Vec::new(); entries.len()];
    let mut right = vec![true; entries.len()];
    for _ in 0..ROUNDS {
        for ((entry, times), right) in entries.iter().zip(&mut times).zip(&mut right) {
            let (time, sums) = (entry.time)(work);
            times.push(time);
            *right &= sums == work.sums;
        }
    }
    writeln!(
        report,
        "| book | million commands/s | by processor time | p50 / p99 / p99.9 ns | bytes per resting order | allocations per command (late) | sums |"
    )?;
    writeln!(report, "|---|---:|---:|---:|---:|---:|---|")?;
    for ((entry, times), right) in entries.iter().zip(times).zip(right) {
        row(entry, work, &times, right, report)?;
    }
    Ok(())
}

fn row(entry: &Entry, work: &Work, times: &[Times], right: bool, report: &mut String) -> std::fmt::Result {
    let ops = float(work.ops.len());
    let speeds = |of: fn(&Times) -> Duration| {
        let mut speeds: Vec<f64> = times.iter().map(|times| ops / of(times).as_secs_f64() / 1e6).collect();
        speeds.sort_unstable_by(f64::total_cmp);
        let at = |place: usize| speeds.get(place).copied().unwrap_or(f64::NAN);
        format!("{:.2} ({:.2}–{:.2})", at(speeds.len() / 2), at(0), at(speeds.len().saturating_sub(1)))
    };
    let (wall, processor) = (speeds(|times| times.wall), speeds(|times| times.processor));
    let Latency { p50, p99, p99_9 } = (entry.latency)(work);
    let Memory { live, calls, calls_late } = (entry.memory)(work);
    writeln!(
        report,
        "| {} | {wall} | {processor} | {p50} / {p99} / {p99_9} | {:.1} | {:.6} ({calls_late}) | {} |",
        entry.name,
        float(live) / float(work.resting),
        float(calls) / ops,
        if right { "ok" } else { "**wrong**" }
    )
}

fn float(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
