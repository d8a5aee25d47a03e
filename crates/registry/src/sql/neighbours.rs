//! Neighbours by pgvector's index.
//!
//! The index is over the rows of `agent_vectors` of one model. Its statements name the model and the number of dimensions in their
//! text: the planner has to see that they are those of the index.

use diesel::sql_types::{BigInt, Binary, Bool, Double, Integer, Text};
use rialto_embeddings::{Int8Vector, Probe};
use rialto_kernel::AgentId;
use rialto_store::{Aside, StoreError, Tx, on, statement, types::Uid};

use super::vector::narrowed;
use crate::store::{NeighbourStore, VectorSpace};

/// How much more widely the index looks than it is asked for, which is what makes it miss few.
const WIDER: u32 = 2;
/// The widest that it can look.
const WIDTH_MAX: u32 = 1_000;

/// Signed bytes as a vector of pgvector's. How long it is makes no difference to a cosine. The planner is
/// to use the index, and never to compute this for every row.
const POINT: &str = "CREATE OR REPLACE FUNCTION agent_vector_point(bytes bytea) RETURNS vector
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 1000000
    RETURN (SELECT array_agg(CASE WHEN byte > 127 THEN byte - 256 ELSE byte END ORDER BY n)
            FROM (SELECT n, get_byte(bytes, n) AS byte FROM generate_series(0, length(bytes) - 1) AS n) AS steps)::vector";

statement! {
    /// Whether a model has more vectors than a number.
    struct HasBeyond { model: String => Text | Text, count: i64 => BigInt | BigInt }
    rows: Bool;
    sqlite: "SELECT EXISTS (SELECT 1 FROM agent_vectors WHERE model = ?1 LIMIT 1 OFFSET ?2)";
    postgres: "SELECT EXISTS (SELECT 1 FROM agent_vectors WHERE model = $1 OFFSET $2 LIMIT 1)";
}

statement! {
    /// Whether the extension is there.
    struct HasPgvector {}
    rows: Bool;
    postgres: "SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'vector')";
}

statement! {
    /// Whether an index of this name is there and whole.
    struct HasIndex { name: String => Text }
    rows: Bool;
    postgres: "SELECT EXISTS (SELECT 1 FROM pg_index WHERE indexrelid = to_regclass($1) AND indisvalid)";
}

statement! {
    /// Sets how widely this session's searches look.
    struct Widen { width: String => Text }
    rows: Text;
    postgres: "SELECT set_config('hnsw.ef_search', $1, false)";
}

#[derive(diesel::QueryableByName)]
struct NeighbourRow {
    #[diesel(sql_type = Uid)]
    agent_id: AgentId,
    #[diesel(sql_type = Double)]
    scale: f64,
    #[diesel(sql_type = Binary)]
    vector: Vec<u8>,
}

/// A name that an operator can read, and that no other model has: behind what is plain of the model's comes its FNV-1a hash.
fn name(space: &VectorSpace) -> String {
    let plain = |char: char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '_' };
    let model: String = space.model.chars().map(plain).take(18).collect();
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = space.model.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    format!("agent_vectors_near_{}_{model}_{hash:016x}", space.dimensions)
}

fn point(space: &VectorSpace) -> String {
    format!("agent_vector_point(vector)::vector({})", space.dimensions)
}

fn is_in(space: &VectorSpace) -> String {
    format!("vector IS NOT NULL AND model = '{}'", space.model.replace('\'', "''"))
}

/// Whether no other process builds the index. If so, none will until the connection ends.
pub(crate) async fn is_mine_to_build(aside: &Aside) -> Result<bool, StoreError> {
    aside.ask("SELECT pg_try_advisory_lock(hashtext(current_schema()), hashtext('agent_vectors_near'))").await
}

/// Builds the index anew.
pub(crate) async fn build(aside: &Aside, space: &VectorSpace) -> Result<(), StoreError> {
    let (name, point, is_in) = (name(space), point(space), is_in(space));
    // One that is not whole was left by a process that died.
    aside.run(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name}")).await?;
    aside.run(POINT).await?;
    let on = format!("agent_vectors USING hnsw (({point}) vector_cosine_ops) WHERE {is_in}");
    aside.run(&format!("CREATE INDEX CONCURRENTLY {name} ON {on}")).await
}

impl NeighbourStore for Tx {
    async fn has_vectors_beyond(&mut self, model: &str, count: u32) -> Result<bool, StoreError> {
        let query = HasBeyond { model: model.to_owned(), count: i64::from(count) };
        on!(self, conn => query.get_result(conn).await)
    }

    async fn has_pgvector(&mut self) -> Result<bool, StoreError> {
        on!(self, sqlite _conn => Ok(false), postgres conn => HasPgvector {}.get_result(conn).await)
    }

    async fn has_vector_index(&mut self, space: &VectorSpace) -> Result<bool, StoreError> {
        let query = HasIndex { name: name(space) };
        on!(self, sqlite _conn => Ok(false), postgres conn => query.get_result(conn).await)
    }

    async fn list_neighbours(
        &mut self,
        space: &VectorSpace,
        probe: &Probe,
        count: u32,
    ) -> Result<Vec<(AgentId, Int8Vector)>, StoreError> {
        let width = Widen { width: count.saturating_mul(WIDER).clamp(1, WIDTH_MAX).to_string() };
        let wanted = format!("[{}]", probe.steps().iter().map(i16::to_string).collect::<Vec<_>>().join(","));
        let query = format!(
            "SELECT agent_id, scale, vector FROM agent_vectors WHERE {} ORDER BY {} <=> $1::vector({}) LIMIT $2",
            is_in(space),
            point(space),
            space.dimensions
        );
        let query = diesel::sql_query(query).bind::<Text, _>(wanted).bind::<Integer, _>(i32::try_from(count).unwrap_or(i32::MAX));
        let rows: Vec<NeighbourRow> = on!(self,
        sqlite _conn => Ok(Vec::new()),
        postgres conn => {
            let _set: String = width.get_result(conn).await?;
            query.load(conn).await
        })?;
        let vector = |row: NeighbourRow| {
            let values = row.vector.into_iter().map(u8::cast_signed).collect();
            (row.agent_id, Int8Vector { scale: narrowed(row.scale), values })
        };
        Ok(rows.into_iter().map(vector).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_model_does_no_harm() {
        let space = VectorSpace { model: "x'); DROP TABLE agents; -- and more of it".into(), dimensions: 384 };
        assert!(name(&space).starts_with("agent_vectors_near_384_x____drop_table_ag_"), "{}", name(&space));
        assert!(name(&space).len() < 63);
        let other = VectorSpace { model: format!("{}!", space.model), ..space.clone() };
        assert_ne!(name(&space), name(&other));
        assert_eq!(is_in(&space), "vector IS NOT NULL AND model = 'x''); DROP TABLE agents; -- and more of it'");
    }
}
