//! Ratings.

use rialto_kernel::{Caller, Event, Id, Page, PageRequest, Timestamp};
use serde_json::json;

use crate::{
    AgentRef, Rating, RegistryError, check,
    store::{AgentStore, RatingStore},
};

/// Rates an agent, or changes the caller's earlier rating of it.
///
/// # Errors
/// [`RegistryError::NotFound`], [`RegistryError::OwnAgent`], [`RegistryError::Invalid`], or [`RegistryError::ReadOnly`].
pub async fn rate(
    tx: &mut (impl AgentStore + RatingStore),
    caller: &Caller,
    agent: &AgentRef,
    score: i32,
    comment: Option<&str>,
    now: Timestamp,
) -> Result<Rating, RegistryError> {
    if !caller.may_write(caller.owner) {
        return Err(RegistryError::ReadOnly);
    }
    if !(1..=5).contains(&score) {
        return Err(RegistryError::invalid("score", "must be 1 to 5"));
    }
    if comment.is_some_and(|comment| comment.chars().count() > check::COMMENT_CHARS_MAX) {
        return Err(RegistryError::invalid("comment", format!("must have at most {} characters", check::COMMENT_CHARS_MAX)));
    }
    // The lock makes raters of one agent take turns, so that none of them misses another's score in the sum.
    let agent = tx.lock_agent(agent).await?.ok_or(RegistryError::NotFound)?;
    if agent.owner == caller.owner {
        return Err(RegistryError::OwnAgent);
    }
    let before = tx.find_rating(agent.id, caller.owner).await?;
    let (score_before, count) = before.as_ref().map_or((0, 1), |before| (before.score, 0));
    let rating = Rating {
        id: before.as_ref().map_or_else(Id::new, |before| before.id),
        agent: agent.id,
        owner: caller.owner,
        score,
        comment: comment.map(str::to_owned),
        created_at: before.map_or(now, |before| before.created_at),
        updated_at: now,
    };
    tx.put_rating(&rating).await?;
    tx.add_score(agent.id, score - score_before, count).await?;
    let data = json!({"agent_id": agent.slug, "score": score, "rated_by": caller.owner});
    tx.append_event(Event { kind: "agent.rated", subject: agent.id.uuid(), owner: Some(agent.owner), data, at: now }).await?;
    Ok(rating)
}

/// Lists the ratings of an agent, the latest first.
///
/// # Errors
/// [`RegistryError::NotFound`].
pub async fn list_ratings(
    tx: &mut (impl AgentStore + RatingStore),
    agent: &AgentRef,
    page: PageRequest,
) -> Result<Page<Rating>, RegistryError> {
    let agent = tx.find_agent(agent).await?.ok_or(RegistryError::NotFound)?;
    Ok(tx.list_ratings(agent.id, page).await?)
}
