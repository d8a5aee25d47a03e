//! What is measured: time for the whole, time for each, memory.

use std::{
    alloc::System,
    fs,
    hint::black_box,
    time::{Duration, Instant},
};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use crate::{
    engines::Engine,
    work::{Sums, Work},
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations of a run on a fresh book.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// What the book holds at the end, in bytes.
    pub live: usize,
    /// How often the allocator was asked during the timed part.
    pub calls: usize,
    /// How often during its second half.
    pub calls_late: usize,
}

/// How long single commands take, in nanoseconds, the clock's own time included.
#[derive(Debug, Clone, Copy, Default)]
pub struct Latency {
    /// Half of them take at most this.
    pub p50: u32,
    /// 99 of 100.
    pub p99: u32,
    /// 999 of 1000.
    pub p99_9: u32,
}

/// How long all commands take.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// By the clock.
    pub wall: Duration,
    /// On a processor.
    pub processor: Duration,
}

/// A book and how to measure it.
pub struct Entry {
    /// For the table.
    pub name: &'static str,
    /// The time for all commands, and what they traded.
    pub time: fn(&Work) -> (Times, Sums),
    /// The time for each.
    pub latency: fn(&Work) -> Latency,
    /// What it asks of the allocator.
    pub memory: fn(&Work) -> Memory,
}

impl Entry {
    /// For a kind of book.
    pub fn of<E: Engine>(name: &'static str) -> Self {
        Self { name, time: time::<E>, latency: latency::<E>, memory: memory::<E> }
    }
}

fn prepared<E: Engine>(work: &Work) -> E {
    let mut engine = E::new();
    let mut ignored = Sums::default();
    work.before.iter().for_each(|op| engine.run(*op, &mut ignored));
    engine
}

fn time<E: Engine>(work: &Work) -> (Times, Sums) {
    let mut engine = prepared::<E>(work);
    let mut sums = Sums::default();
    let (start, on_processor) = (Instant::now(), processor_time());
    for op in &work.ops {
        engine.run(*op, &mut sums);
    }
    let times = Times { wall: start.elapsed(), processor: processor_time().saturating_sub(on_processor) };
    (times, black_box(sums))
}

/// How long this thread has run so far.
fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}

fn latency<E: Engine>(work: &Work) -> Latency {
    let mut engine = prepared::<E>(work);
    let mut sums = Sums::default();
    let mut nanos: Vec<u32> = Vec::with_capacity(work.ops.len());
    for op in &work.ops {
        let start = Instant::now();
        engine.run(*op, &mut sums);
        nanos.push(u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX));
    }
    black_box(sums);
    nanos.sort_unstable();
    let at = |per_mille: usize| nanos.get(nanos.len() * per_mille / 1000).copied().unwrap_or_default();
    Latency { p50: at(500), p99: at(990), p99_9: at(999) }
}

fn memory<E: Engine>(work: &Work) -> Memory {
    let region = Region::new(ALLOCATOR);
    let calls = || {
        let change = region.change();
        change.allocations + change.reallocations
    };
    let mut engine = prepared::<E>(work);
    let mut sums = Sums::default();
    let (early, late) = work.ops.split_at(work.ops.len() / 2);
    let before = calls();
    early.iter().for_each(|op| engine.run(*op, &mut sums));
    let middle = calls();
    late.iter().for_each(|op| engine.run(*op, &mut sums));
    let after = calls();
    let change = region.change();
    black_box((&engine, sums));
    let live = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
    Memory { live, calls: after - before, calls_late: after - middle }
}
