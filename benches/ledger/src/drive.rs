//! The load: callers that ask again as soon as they are answered.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    Result,
    engine::Engine,
    workload::{Answer, Call, Caller, Mix, Workload},
};

/// How hard, and how long.
#[derive(Clone, Copy)]
pub struct Load {
    /// Callers at once.
    pub callers: u32,
    /// Transfers per request.
    pub batch: usize,
    /// What they ask for.
    pub mix: Mix,
    /// Not counted.
    pub warm_up: Duration,
    /// Counted.
    pub measured: Duration,
}

/// What came of a run.
pub struct Figures {
    /// New transfers acknowledged per second. Replays and refusals are not counted.
    pub per_second: f64,
    /// Milliseconds that a request took: the median.
    pub p50: f64,
    /// Milliseconds that one request of a hundred takes longer than.
    pub p99: f64,
    /// Milliseconds of the slowest.
    pub max: f64,
}

/// A run, and what must be in the books after it.
pub struct Driven {
    /// What was measured.
    pub figures: Figures,
    /// New transfers acknowledged in all, while warming up too.
    pub acknowledged: u64,
}

/// What one caller saw.
#[derive(Default)]
struct Tally {
    acknowledged: u64,
    counted: f64,
    micros: Vec<u32>,
}

/// Loads `engine`.
///
/// # Errors
/// The first failure, or the first answer that is not the right one.
pub async fn drive<E: Engine>(engine: &Arc<E>, workload: Workload, load: Load) -> Result<Driven> {
    let begin = Instant::now() + load.warm_up;
    let window = Window { begin, end: begin + load.measured };
    let start = |number: u32| {
        let caller = Caller::new(number.into(), workload, load.mix);
        tokio::spawn(call(engine.clone(), caller, load.batch, window))
    };
    let callers: Vec<_> = (0..load.callers).map(start).collect();
    let (mut acknowledged, mut counted, mut micros) = (0, 0.0, Vec::new());
    let mut failed = None;
    for caller in callers {
        match caller.await? {
            Ok(tally) => {
                acknowledged += tally.acknowledged;
                counted += tally.counted;
                micros.extend(tally.micros);
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    micros.sort_unstable();
    let at = |percent: usize| {
        let place = (micros.len() * percent / 100).min(micros.len().saturating_sub(1));
        micros.get(place).map_or(f64::NAN, |micros| f64::from(*micros) / 1e3)
    };
    let per_second = counted / load.measured.as_secs_f64();
    Ok(Driven { figures: Figures { per_second, p50: at(50), p99: at(99), max: at(100) }, acknowledged })
}

/// When a run counts.
#[derive(Clone, Copy)]
struct Window {
    begin: Instant,
    end: Instant,
}

impl Window {
    /// How much of the time from `asked` to `answered` counts, from 0 to 1. Few long requests fill the window as exactly
    /// as many short ones do.
    fn share(&self, asked: Instant, answered: Instant) -> f64 {
        let counts = answered.min(self.end).saturating_duration_since(asked.max(self.begin));
        counts.as_secs_f64() / (answered - asked).as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// One caller, to the end of its last request.
async fn call<E: Engine>(engine: Arc<E>, mut caller: Caller, batch: usize, window: Window) -> Result<Tally> {
    let mut tally = Tally::default();
    while Instant::now() < window.end {
        let calls: Vec<Call> = (0..batch).map(|_| caller.next()).collect();
        let asked = Instant::now();
        let posted = ask(engine.as_ref(), &mut caller, &calls).await?;
        let answered = Instant::now();
        tally.acknowledged += u64::from(posted);
        let share = window.share(asked, answered);
        if share > 0.0 {
            tally.counted += f64::from(posted) * share;
            tally.micros.push(u32::try_from((answered - asked).as_micros()).unwrap_or(u32::MAX));
        }
    }
    Ok(tally)
}

/// One request. How many new transfers were acknowledged.
async fn ask<E: Engine>(engine: &E, caller: &mut Caller, calls: &[Call]) -> Result<u32> {
    let answers = match calls {
        [single] => vec![engine.transfer(single).await?],
        several => engine.batch(several).await?,
    };
    if answers.len() != calls.len() {
        return Err(format!("{} answers to {} transfers", answers.len(), calls.len()).into());
    }
    let mut posted = 0;
    for (call, answer) in calls.iter().zip(answers) {
        if answer != call.expected {
            return Err(format!("{answer:?} was answered to {call:?}").into());
        }
        if answer == Answer::Posted {
            posted += 1;
            caller.remember(call);
        }
    }
    Ok(posted)
}
