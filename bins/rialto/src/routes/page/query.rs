//! What may be asked for.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Which of the two markets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[schema(as = MarketView)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// That of the users.
    #[default]
    Market,
    /// That of the running simulation, or else of the last one.
    Simulation,
}

/// What to look at.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OverviewQuery {
    /// Which of the two markets; `market` when it is left out.
    #[param(inline)]
    pub view: Option<View>,
    /// What is traded. The one that is traded most when it is left out, or the first book of the simulation.
    #[param(min_length = 1, max_length = 255, example = "translation")]
    pub capability: Option<String>,
}
