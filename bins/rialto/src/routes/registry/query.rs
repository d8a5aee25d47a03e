//! What may be asked for behind the question mark.

use std::time::Duration;

use rialto_kernel::Timestamp;
use rialto_registry::{AgentFilter, AgentSort, DISTANCE_MAX, DiscoverQuery, RankBy};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::{Problem, paging::number};

/// Which agents to list. Filters that are given hold together.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// With any of these tags, whatever their case; repeated, or parted by commas.
    #[serde(default)]
    #[param(style = Form, explode, example = json!(["nlp"]))]
    pub tags: Vec<String>,
    /// That declare this capability, or carry it as a tag.
    pub capability: Option<String>,
    /// With this text in their name or description, whatever its case.
    #[param(max_length = 256)]
    pub search: Option<String>,
    /// In this category.
    pub category: Option<String>,
    /// Sorted by `created_at`, `updated_at` or `name`.
    #[param(default = "created_at")]
    pub sort: Option<String>,
    /// `asc` or `desc`.
    #[param(default = "desc")]
    pub order: Option<String>,
    /// Registered in the last so many days.
    #[param(minimum = 1, maximum = 365)]
    pub days: Option<i64>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}

impl ListQuery {
    /// The filter that this is, as of now.
    pub fn filter(&self, now: Timestamp) -> Result<AgentFilter, Problem> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let tags = self.tags.iter().flat_map(|tags| tags.split(',')).map(str::trim).filter(|tag| !tag.is_empty());
        let since = |days: u32| now.before(Duration::from_secs(u64::from(days).saturating_mul(86_400)));
        Ok(AgentFilter {
            tags: tags.map(str::to_owned).collect(),
            capability: given(&self.capability),
            search: given(&self.search),
            category: given(&self.category),
            priced: false,
            callable: false,
            created_since: self.days.map(|given| days("days", Some(given), 1)).transpose()?.map(since),
            sort: match self.sort.as_deref() {
                Some("updated_at") => AgentSort::UpdatedAt,
                Some("name") => AgentSort::Name,
                _ => AgentSort::CreatedAt,
            },
            ascending: self.order.as_deref() == Some("asc"),
        })
    }
}

/// A window of days, 1 to 365.
pub fn days(field: &str, given: Option<i64>, default: u32) -> Result<u32, Problem> {
    number(field, given, default, 1, 365)
}

/// A number of rows, 1 to `max`.
pub fn limit(given: Option<i64>, default: u32, max: u32) -> Result<u32, Problem> {
    number("limit", given, default, 1, max)
}

/// What is needed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DiscoverParams {
    /// What is needed, in plain words.
    #[param(example = "summarize a long text")]
    pub query: String,
    /// How many at most.
    #[param(minimum = 1, maximum = 50, default = 10)]
    pub limit: Option<i64>,
    /// The farthest that an agent may be from the query, by its `similarity_score`.
    #[param(minimum = 0, maximum = 2)]
    pub similarity_threshold: Option<f64>,
    /// What puts one before the other: `similarity_only`, `balanced` or `quality_first`.
    #[param(default = "balanced")]
    pub rank_by: Option<String>,
}

impl DiscoverParams {
    /// The query that this is.
    pub fn read(self) -> Result<DiscoverQuery, Problem> {
        let in_range = |threshold: &f64| (0.0..=DISTANCE_MAX).contains(threshold);
        if self.similarity_threshold.is_some_and(|threshold| !in_range(&threshold)) {
            return Err(Problem::invalid("query.similarity_threshold", "must be between 0 and 2"));
        }
        Ok(DiscoverQuery {
            limit: limit(self.limit, 10, 50)?,
            distance_max: self.similarity_threshold,
            rank_by: RankBy::from_word(self.rank_by.as_deref().unwrap_or_default()),
            text: self.query,
        })
    }
}

/// How new.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct NewQuery {
    /// Registered in the last so many days.
    #[param(minimum = 1, maximum = 365, default = 7)]
    pub days: Option<i64>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}

/// How popular.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TrendingQuery {
    /// Counted over the last so many days, today among them.
    #[param(minimum = 1, maximum = 365, default = 7)]
    pub window_days: Option<i64>,
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<i64>,
}

/// Which slice of your own agents.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MineQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 1000, default = 1000)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}

/// Which slice of the ratings.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RatingsQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<i64>,
    /// How many to skip.
    #[param(minimum = 0, default = 0)]
    pub offset: Option<i64>,
}
