//! What is asked for in a query string.

use serde::Deserialize;
use utoipa::IntoParams;

/// Which agents to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IdentityPage {
    /// `active`, `suspended` or `deactivated`.
    #[param(default = "active")]
    pub status: Option<String>,
    /// How many at most; more than 100 are taken as 100.
    #[param(minimum = 1, default = 50)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}

/// Which agents to find.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IdentitySearch {
    /// What is in their name or readable id.
    #[param(max_length = 256, example = "my-ai-agent")]
    pub q: Option<String>,
    /// How many at most; more than 100 are taken as 100.
    #[param(minimum = 1, default = 20)]
    pub limit: Option<i64>,
}
