//! What may be asked for behind the question mark.

use rialto_kernel::OwnerId;
use rialto_market::{CANDLES_MAX, DEPTH_LEVELS_MAX, ORDERS_MAX, OrderFilter, OrderStatus, TradeFilter};
use serde::Deserialize;
use utoipa::IntoParams;

use super::dto::{CandleInterval, OrderState};
use crate::http::{Problem, paging::number};

/// Which slice of the priced agents.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PricedQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 100)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}

/// Which orders.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OrdersQuery {
    /// Only those that stand like this; repeat it for several: `status=open&status=partially_filled` is all that is in the book.
    #[serde(default)]
    #[param(style = Form, explode, example = json!(["open", "partially_filled"]))]
    pub status: Vec<OrderState>,
    /// Only those for this capability.
    #[param(min_length = 1, max_length = 255)]
    pub capability: Option<String>,
    /// Only those of this agent: its UUID, or its readable id.
    pub agent_id: Option<String>,
    /// Only those of this owner. For administrators, who are shown everybody's when it is left out; anybody else's own is theirs.
    pub owner_id: Option<OwnerId>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl OrdersQuery {
    /// How many.
    pub fn limit(&self) -> Result<u32, Problem> {
        number("limit", self.limit, 50, 1, ORDERS_MAX)
    }

    /// The filter that this is, but for the agent.
    pub fn filter(&self) -> Result<OrderFilter, Problem> {
        let read = |cursor: &str| cursor.parse().map_err(|_| Problem::invalid("query.cursor", "must be a `next_cursor`"));
        Ok(OrderFilter {
            owner: self.owner_id,
            agent: None,
            statuses: self.status.iter().map(|status| OrderStatus::from(*status)).collect(),
            capability: self.capability.clone(),
            after: self.cursor.as_deref().map(read).transpose()?,
        })
    }
}

/// How much of the depth.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DepthQuery {
    /// How many prices of each side at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    levels: Option<i64>,
}

impl DepthQuery {
    /// How many.
    pub fn levels(&self) -> Result<u32, Problem> {
        number("levels", self.levels, 50, 1, DEPTH_LEVELS_MAX)
    }
}

/// Which candles.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CandlesQuery {
    /// How long one is: `1m`, `5m`, `15m`, `1h`, `4h` or `1d`.
    #[param(inline, default = "1m", example = "5m")]
    pub interval: Option<CandleInterval>,
    /// How many intervals to look back, this one included. One without trades has no candle.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<i64>,
}

impl CandlesQuery {
    /// How many.
    pub fn limit(&self) -> Result<u32, Problem> {
        number("limit", self.limit, 100, 1, CANDLES_MAX)
    }
}

/// The largest tick: what every client's numbers can hold.
const TICK_MAX: i64 = 9_007_199_254_740_991;

/// What the trades of a match are marked with.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MatchQuery {
    /// The tick of a simulation.
    #[param(minimum = 0, maximum = 9_007_199_254_740_991_i64, default = 0)]
    tick: Option<i64>,
}

impl MatchQuery {
    /// The tick.
    pub fn tick(&self) -> Result<i64, Problem> {
        let tick = self.tick.unwrap_or(0);
        let fits = (0..=TICK_MAX).contains(&tick);
        if fits { Ok(tick) } else { Err(Problem::invalid("query.tick", format!("must be from 0 to {TICK_MAX}"))) }
    }
}

/// Which trades.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TradesQuery {
    /// Only those of this capability.
    #[param(min_length = 1, max_length = 255)]
    pub capability: Option<String>,
    /// Only those in which this agent bought or sold: its UUID, or its readable id. They are listed up to an offset of 10,000.
    pub agent_id: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}

impl TradesQuery {
    /// The filter that this is, but for the agent.
    pub fn filter(&self) -> TradeFilter {
        TradeFilter { capability: self.capability.clone(), agent: None }
    }
}
