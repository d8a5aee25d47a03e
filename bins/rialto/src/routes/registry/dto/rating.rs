//! Ratings.

use rialto_kernel::{AgentId, OwnerId, Timestamp};
use rialto_registry::{Rating, RatingId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What you think of an agent.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"score": 5, "comment": "Fast and to the point."}))]
pub struct RatingRequest {
    /// From 1, poor, to 5.
    #[schema(minimum = 1, maximum = 5)]
    pub score: i32,
    /// In words.
    #[schema(max_length = 2000)]
    pub comment: Option<String>,
}

/// What somebody thinks of an agent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c0de-0000-7000-8000-000000000007", "user_id": "0198c0de-0000-7000-8000-000000000001",
    "agent_id": "0198c0de-0000-7000-8000-0123456789ab", "score": 5, "comment": "Fast and to the point.",
    "created_at": "2026-11-22T04:54:03.000001Z", "updated_at": "2026-11-22T04:54:03.000001Z",
}))]
pub struct RatingResponse {
    /// Its id.
    pub id: RatingId,
    /// Who gave it.
    pub user_id: OwnerId,
    /// To which agent.
    pub agent_id: AgentId,
    /// From 1, poor, to 5.
    pub score: i32,
    /// In words.
    #[schema(required)]
    pub comment: Option<String>,
    /// When it was given first.
    pub created_at: Timestamp,
    /// When it was given last.
    pub updated_at: Timestamp,
}

impl From<Rating> for RatingResponse {
    fn from(rating: Rating) -> Self {
        Self {
            id: rating.id,
            user_id: rating.owner,
            agent_id: rating.agent,
            score: rating.score,
            comment: rating.comment,
            created_at: rating.created_at,
            updated_at: rating.updated_at,
        }
    }
}
