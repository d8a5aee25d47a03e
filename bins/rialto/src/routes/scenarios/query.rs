//! What may be asked for behind the question mark.

use rialto_simulation::{
    RunId, TickFilter,
    read::{CANDLE_TICKS_MAX, CANDLES_MAX, TICKS_MAX},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::{Problem, paging::number};

/// The longest name of a book, in characters.
const CAPABILITY_CHARS_MAX: usize = 255;

/// A name of a book, 1 to 255 characters.
pub fn capability(field: &str, name: &str) -> Result<String, Problem> {
    if (1..=CAPABILITY_CHARS_MAX).contains(&name.chars().count()) {
        return Ok(name.to_owned());
    }
    Err(Problem::invalid(field, format!("must have 1 to {CAPABILITY_CHARS_MAX} characters")))
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RunsQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}

/// Which ticks.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TicksQuery {
    /// Only of this book.
    #[param(example = "translation")]
    pub capability: Option<String>,
    /// Only of ticks behind this one.
    #[param(minimum = 0, default = 0)]
    pub after: Option<i64>,
    /// How many rows at most. A page may end within a tick; ask with one `capability` to go on exactly where it ends.
    #[param(minimum = 1, maximum = 1_000, default = 200)]
    pub limit: Option<i64>,
}

impl TicksQuery {
    /// The figures that are asked for.
    pub fn filter(&self) -> Result<TickFilter, Problem> {
        Ok(TickFilter {
            capability: self.capability.as_deref().map(|name| capability("query.capability", name)).transpose()?,
            after: number("after", self.after, 0, 0, 1_000_000)?,
            upto: u32::MAX,
            limit: number("limit", self.limit, 200, 1, TICKS_MAX)?,
        })
    }
}

/// Which trades.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TradesQuery {
    /// Only of this book.
    #[param(example = "translation")]
    pub capability: Option<String>,
    /// Of this run; of the latest when it is left out.
    #[param(value_type = Option<String>)]
    pub run_id: Option<RunId>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}

/// Which candles.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CandlesQuery {
    /// How many ticks each of them is.
    #[param(minimum = 1, maximum = 100, default = 5)]
    pub ticks: Option<i64>,
    /// How many at most: the last ones.
    #[param(minimum = 1, maximum = 500, default = 100)]
    pub limit: Option<i64>,
}

impl CandlesQuery {
    /// Of how many ticks, and how many.
    pub fn bounds(&self) -> Result<(u32, u32), Problem> {
        Ok((number("ticks", self.ticks, 5, 1, CANDLE_TICKS_MAX)?, number("limit", self.limit, 100, 1, CANDLES_MAX)?))
    }
}
