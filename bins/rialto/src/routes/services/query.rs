//! What is asked for in a query string.

use serde::Deserialize;
use utoipa::IntoParams;

/// Which services to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ServicePage {
    /// With one of these words in name, tags, category or description.
    #[param(max_length = 256)]
    pub query: Option<String>,
    /// In exactly this category.
    pub category: Option<String>,
    /// `active`, `paused` or `removed`.
    #[param(default = "active")]
    pub status: Option<String>,
    /// How many at most; more than 100 are taken as 100.
    #[param(minimum = 1, default = 50)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}

/// Which services to find.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DiscoverPage {
    /// With one of these words, or their beginnings, in name, tags, category or description; the best first.
    #[param(max_length = 256)]
    pub q: Option<String>,
    /// In exactly this category.
    pub category: Option<String>,
    /// With one of these tags, whatever their case: a list with commas.
    #[param(example = "nlp,sentiment")]
    pub tags: Option<String>,
    /// That cost so much or more, in USDC.
    #[param(example = "0.01")]
    pub min_price: Option<String>,
    /// That cost so much or less, in USDC.
    #[param(example = "1.00")]
    pub max_price: Option<String>,
    /// `x402`, `paypal`, `nowpayments` or `balance`.
    pub payment_method: Option<String>,
    /// That have calls for nothing, or have none.
    pub has_free_tier: Option<bool>,
    /// `created_at` (newest first), `price` (cheapest first), `name` or `relevance`; by relevance where there are words, and by
    /// age else.
    pub sort_by: Option<String>,
    /// How many at most; more than 100 are taken as 100.
    #[param(minimum = 1, default = 50)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}

/// How many trending services.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TrendingPage {
    /// How many at most; more than 100 are taken as 100.
    #[param(minimum = 1, default = 10)]
    pub limit: Option<i64>,
}

/// How many recommendations.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RecommendationPage {
    /// How many at most; more than 100 are taken as 100.
    #[param(minimum = 1, default = 5)]
    pub limit: Option<i64>,
}
