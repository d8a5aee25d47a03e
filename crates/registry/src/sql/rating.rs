//! Ratings.

use diesel::{
    BoolExpressionMethods, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable, SelectableHelper,
};
use rialto_kernel::{AgentId, OwnerId, Page, PageRequest, Timestamp};
use rialto_store::{StoreError, Tx, on};

use super::schema::{agent_ratings as r, agents};
use crate::{Rating, RatingId, store::RatingStore};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = r)]
struct RatingRow {
    id: RatingId,
    agent_id: AgentId,
    owner_id: OwnerId,
    score: i32,
    comment: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<RatingRow> for Rating {
    fn from(row: RatingRow) -> Self {
        Self {
            id: row.id,
            agent: row.agent_id,
            owner: row.owner_id,
            score: row.score,
            comment: row.comment,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl From<&Rating> for RatingRow {
    fn from(rating: &Rating) -> Self {
        Self {
            id: rating.id,
            agent_id: rating.agent,
            owner_id: rating.owner,
            score: rating.score,
            comment: rating.comment.clone(),
            created_at: rating.created_at,
            updated_at: rating.updated_at,
        }
    }
}

impl RatingStore for Tx {
    async fn find_rating(&mut self, agent: AgentId, owner: OwnerId) -> Result<Option<Rating>, StoreError> {
        let row: Option<RatingRow> = on!(self, conn => r::table.filter(r::agent_id.eq(agent).and(r::owner_id.eq(owner)))
            .select(RatingRow::as_select()).first(conn).await.optional())?;
        Ok(row.map(Rating::from))
    }

    async fn put_rating(&mut self, rating: &Rating) -> Result<(), StoreError> {
        let row = RatingRow::from(rating);
        let changes = (r::score.eq(rating.score), r::comment.eq(&rating.comment), r::updated_at.eq(rating.updated_at));
        on!(self, conn => diesel::insert_into(r::table).values(&row)
            .on_conflict(r::id).do_update().set(changes).execute(conn).await)?;
        Ok(())
    }

    async fn add_score(&mut self, agent: AgentId, score: i32, count: i32) -> Result<(), StoreError> {
        on!(self, conn => diesel::update(agents::table.find(agent))
            .set((agents::rating_sum.eq(agents::rating_sum + score), agents::rating_count.eq(agents::rating_count + count)))
            .execute(conn).await)?;
        Ok(())
    }

    async fn list_ratings(&mut self, agent: AgentId, page: PageRequest) -> Result<Page<Rating>, StoreError> {
        let rows: Vec<RatingRow> = on!(self, conn => r::table.filter(r::agent_id.eq(agent))
            .order((r::updated_at.desc(), r::id.desc())).limit(page.limit()).offset(page.offset())
            .select(RatingRow::as_select()).load(conn).await)?;
        let total: i64 = on!(self, conn => r::table.filter(r::agent_id.eq(agent)).count().get_result(conn).await)?;
        Ok(Page { items: rows.into_iter().map(Rating::from).collect(), total })
    }
}
