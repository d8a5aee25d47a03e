//! How fast the model is, on one thread.

use std::{fmt::Write, hint::black_box, time::Instant};

use rialto_embeddings::{DOCUMENT_TOKENS_MAX, MiniLm, Probe, Vector};

use crate::Result;

/// How often each thing is done; the median counts.
const TIMES: usize = 15;

/// The table.
pub fn table() -> Result<String> {
    let began = Instant::now();
    let model = MiniLm::builtin()?;
    let loading = began.elapsed().as_secs_f64() * 1_000.0;
    let words = "find somebody who can turn the recording of our meeting into a short list of action items for each person ";
    let text = |count: usize| words.repeat(8).split_whitespace().take(count).collect::<Vec<_>>().join(" ");
    let mut table = String::from("| one thread | ms |\n|---|--:|\n");
    writeln!(table, "| load the model | {loading:.1} |")?;
    for count in [8, 28, 58, 126] {
        let texts = [text(count)];
        let ms = median(|| drop(black_box(model.embed(&texts, DOCUMENT_TOKENS_MAX))));
        writeln!(table, "| embed a text of {} tokens | {ms:.2} |", count + 2)?;
    }
    let batch: Vec<String> = (0..32).map(|n| text(8 + n % 5)).collect();
    let ms = median(|| drop(black_box(model.embed(&batch, DOCUMENT_TOKENS_MAX))));
    writeln!(table, "| embed 32 descriptions | {ms:.1} |")?;
    let vector = model.embed(&["a query"], DOCUMENT_TOKENS_MAX).pop().ok_or("no vector")?;
    for count in [10_000, 100_000] {
        let ms = scan(&vector, count);
        writeln!(table, "| compare a query with {count} vectors | {ms:.2} |")?;
    }
    Ok(table)
}

fn scan(vector: &Vector, count: usize) -> f64 {
    let kept = vector.to_int8();
    let (rows, scales) = (kept.values.repeat(count), vec![kept.scale; count]);
    let probe = Probe::new(vector);
    median(|| {
        black_box(probe.cosines(&rows, &scales).fold(f32::MIN, f32::max));
    })
}

fn median(work: impl Fn()) -> f64 {
    let time = |_| {
        let began = Instant::now();
        work();
        began.elapsed().as_secs_f64() * 1_000.0
    };
    let mut times: Vec<f64> = (0..TIMES).map(time).collect();
    times.sort_by(f64::total_cmp);
    times.get(TIMES / 2).copied().unwrap_or_default()
}
