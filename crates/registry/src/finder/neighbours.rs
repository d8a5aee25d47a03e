//! Neighbours by an index of the database: pgvector, where the operator has installed it.
//!
//! Comparing a query with every vector is exact, and quick up to a hundred thousand agents. Beyond, an approximate index takes less,
//! and a process need not hold the vectors at all. The index is one over `agent_vectors` as they are: whoever writes a vector, it
//! follows in the same transaction. It is built when there are so many, while others write, by one process at a time.

use rialto_embeddings::{Int8Vector, Probe};
use rialto_kernel::AgentId;
use rialto_store::{Db, StoreError, Tx};

use super::Meaning;
use crate::{
    sql::neighbours as sql,
    store::{NeighbourStore, VectorSpace},
};

/// So many agents are compared in memory, one by one.
pub const COMPARED_MAX: u32 = 100_000;
/// What pgvector's index can hold.
const DIMENSIONS_MAX: usize = 2_000;

/// Where the neighbours of a query are looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VectorSearch {
    /// In memory up to [`COMPARED_MAX`] agents; beyond, by pgvector, if the database has it.
    #[default]
    Auto,
    /// In memory, however many there are.
    Memory,
    /// By pgvector, if the database has it, however few there are.
    Pgvector,
}

impl Meaning {
    fn space(&self) -> VectorSpace {
        VectorSpace { model: self.embedder.model().to_owned(), dimensions: self.embedder.dimensions() }
    }

    /// Decides where neighbours are looked up from now on, and returns whether the database has them. It builds what it needs for
    /// that, if it may: some minutes for some hundred thousand agents.
    pub(super) async fn settle(&self, db: &Db, search: VectorSearch, may_build: bool) -> Result<bool, StoreError> {
        let by_database = self.is_wanted(db, search).await? && (self.is_ready(db).await? || may_build && self.build(db).await?);
        let was = self.set_by_database(by_database);
        if by_database && was {
            // Not at once: searches may still be at it.
            self.index.clear();
        }
        if by_database != was {
            tracing::info!(by_database, "where the neighbours of queries are looked up has changed");
        }
        Ok(by_database)
    }

    /// Whether the database is to have them, as things are: there are enough agents, and it has the extension.
    async fn is_wanted(&self, db: &Db, search: VectorSearch) -> Result<bool, StoreError> {
        if !db.is_postgres() || search == VectorSearch::Memory || self.embedder.dimensions() > DIMENSIONS_MAX {
            return Ok(false);
        }
        let (model, any) = (self.embedder.model().to_owned(), search == VectorSearch::Pgvector);
        let wanted =
            async move |tx: &mut Tx| Ok((any || tx.has_vectors_beyond(&model, COMPARED_MAX).await?) && tx.has_pgvector().await?);
        db.read(wanted).await
    }

    async fn is_ready(&self, db: &Db) -> Result<bool, StoreError> {
        let space = self.space();
        db.read(async move |tx: &mut Tx| tx.has_vector_index(&space).await).await
    }

    /// Builds the index, unless another process is at it, and returns whether it is there then.
    async fn build(&self, db: &Db) -> Result<bool, StoreError> {
        let Some(aside) = db.aside().await? else { return Ok(false) };
        if !sql::is_mine_to_build(&aside).await? {
            return Ok(false);
        }
        if !self.is_ready(db).await? {
            let space = self.space();
            tracing::info!(model = space.model, "building the database's index of what agents mean");
            sql::build(&aside, &space).await?;
        }
        self.is_ready(db).await
    }

    /// The agents nearest to the query that the database finds, with their cosines.
    pub(super) async fn neighbours(
        &self,
        tx: &mut impl NeighbourStore,
        probe: &Probe,
        count: u32,
    ) -> Result<Vec<(AgentId, f32)>, StoreError> {
        let near = tx.list_neighbours(&self.space(), probe, count).await?;
        let cosine = |(agent, vector): &(AgentId, Int8Vector)| {
            probe.cosines(&vector.values, &[vector.scale]).next().map(|cosine| (*agent, cosine))
        };
        Ok(near.iter().filter_map(cosine).collect())
    }
}
