//! What may be asked for behind the question mark.

use serde::Deserialize;
use utoipa::IntoParams;

/// Which slice of the cards.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CardsQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 100)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}

/// Which card.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CardQuery {
    /// Where it is, or the server that it is the card of.
    #[param(max_length = 2048, example = "https://agents.example.com")]
    pub url: String,
}
