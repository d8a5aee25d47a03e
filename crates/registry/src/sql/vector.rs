//! What agents mean.

use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl,
    sql_types::{Array, BigInt, Binary, Bool, Double, Nullable, Text},
};
use rialto_embeddings::Int8Vector;
use rialto_kernel::AgentId;
use rialto_store::{StoreError, Tx, on, statement, types::Uid};

use super::{ids::Ids, schema::agent_texts};
use crate::{
    index::IndexTexts,
    store::{Cursor, MadeVector, StaleAgent, VectorChange, VectorHead, VectorStore},
};

statement! {
    /// Raises the revision of an agent's texts.
    struct RaiseRevision { agent: AgentId => Uid | Uid }
    rows: ();
    sqlite: "INSERT INTO agent_vectors (agent_id, revision) VALUES (?1, 1)
        ON CONFLICT (agent_id) DO UPDATE SET revision = revision + 1";
    postgres: "INSERT INTO agent_vectors AS v (agent_id, revision) VALUES ($1, 1)
        ON CONFLICT (agent_id) DO UPDATE SET revision = v.revision + 1";
}

statement! {
    /// How far the vectors are.
    struct Head {}
    rows: (BigInt, Bool, Nullable<Text>);
    sqlite: "SELECT change_no, EXISTS (SELECT 1 FROM agent_vectors WHERE embedded_revision < revision), model FROM agent_vector_head";
    postgres: "SELECT change_no, EXISTS (SELECT 1 FROM agent_vectors WHERE embedded_revision < revision), model FROM agent_vector_head";
}

statement! {
    /// Makes a model the one that makes vectors.
    struct SetModel { model: String => Text | Text }
    rows: ();
    sqlite: "UPDATE agent_vector_head SET model = ?1 WHERE model IS NOT ?1";
    postgres: "UPDATE agent_vector_head SET model = $1 WHERE model IS DISTINCT FROM $1";
}

statement! {
    /// Declares vectors of other models out of date.
    struct Expire { model: String => Text | Text, limit: i64 => BigInt | BigInt }
    rows: ();
    sqlite: "UPDATE agent_vectors SET revision = revision + 1 WHERE agent_id IN
        (SELECT agent_id FROM agent_vectors WHERE model IS NOT ?1 AND embedded_revision = revision LIMIT ?2)";
    postgres: "UPDATE agent_vectors SET revision = revision + 1 WHERE agent_id IN
        (SELECT agent_id FROM agent_vectors WHERE model IS DISTINCT FROM $1 AND embedded_revision = revision
         ORDER BY agent_id LIMIT $2 FOR UPDATE)";
}

statement! {
    /// What changed after a place.
    struct Changes {
        model: String => Text | Text,
        change_no: i64 => BigInt | BigInt,
        agent: AgentId => Uid | Uid,
        limit: i64 => BigInt | BigInt,
    }
    rows: (BigInt, Uid, Nullable<Double>, Nullable<Binary>);
    sqlite: "SELECT change_no, agent_id, scale, CASE WHEN model = ?1 THEN vector END FROM agent_vectors
        WHERE (change_no, agent_id) > (?2, ?3) ORDER BY change_no, agent_id LIMIT ?4";
    postgres: "SELECT change_no, agent_id, scale, CASE WHEN model = $1 THEN vector END FROM agent_vectors
        WHERE (change_no, agent_id) > ($2, $3) ORDER BY change_no, agent_id LIMIT $4";
}

/// The columns of a [`StaleAgent`].
type StaleRow = (AgentId, i64, Option<String>, Option<String>, Option<String>);

statement! {
    /// Some agents whose vectors are out of date.
    struct Stale { limit: i64 => BigInt | BigInt }
    rows: (Uid, BigInt, Nullable<Text>, Nullable<Text>, Nullable<Text>);
    sqlite: "SELECT v.agent_id, v.revision, t.name, t.labels, t.description
        FROM agent_vectors AS v LEFT JOIN agent_texts AS t ON t.agent_id = v.agent_id
        WHERE v.embedded_revision < v.revision ORDER BY v.agent_id LIMIT ?1";
    postgres: "SELECT v.agent_id, v.revision, t.name, t.labels, t.description
        FROM agent_vectors AS v LEFT JOIN agent_texts AS t ON t.agent_id = v.agent_id
        WHERE v.embedded_revision < v.revision ORDER BY v.agent_id LIMIT $1";
}

statement! {
    /// One agent whose vector is out of date.
    struct StaleOne { agent: AgentId => Uid | Uid }
    rows: (Uid, BigInt, Nullable<Text>, Nullable<Text>, Nullable<Text>);
    sqlite: "SELECT v.agent_id, v.revision, t.name, t.labels, t.description
        FROM agent_vectors AS v LEFT JOIN agent_texts AS t ON t.agent_id = v.agent_id
        WHERE v.agent_id = ?1 AND v.embedded_revision < v.revision";
    postgres: "SELECT v.agent_id, v.revision, t.name, t.labels, t.description
        FROM agent_vectors AS v LEFT JOIN agent_texts AS t ON t.agent_id = v.agent_id
        WHERE v.agent_id = $1 AND v.embedded_revision < v.revision";
}

statement! {
    /// Takes the next number, if the model makes vectors.
    struct NextChange { model: String => Text | Text }
    rows: BigInt;
    sqlite: "UPDATE agent_vector_head SET change_no = change_no + 1 WHERE model = ?1 RETURNING change_no";
    postgres: "UPDATE agent_vector_head SET change_no = change_no + 1 WHERE model = $1 RETURNING change_no";
}

statement! {
    /// Writes one vector.
    struct PutVector {
        agent: AgentId => Uid | Uid,
        revision: i64 => BigInt | BigInt,
        change_no: i64 => BigInt | BigInt,
        model: String => Text | Text,
        scale: Option<f64> => Nullable<Double> | Nullable<Double>,
        vector: Option<Vec<u8>> => Nullable<Binary> | Nullable<Binary>,
    }
    rows: ();
    sqlite: "UPDATE agent_vectors SET embedded_revision = ?2, change_no = ?3, model = ?4, scale = ?5, vector = ?6
        WHERE agent_id = ?1 AND embedded_revision < ?2";
    postgres: "UPDATE agent_vectors SET embedded_revision = $2, change_no = $3, model = $4, scale = $5, vector = $6
        WHERE agent_id = $1 AND embedded_revision < $2";
}

statement! {
    /// The texts of some agents. Of a description, no more than decides between near equals.
    struct Texts { agents: Ids => Text | Array<Uid> }
    rows: (Uid, Text, Text, Text);
    sqlite: "SELECT t.agent_id, t.name, t.labels, substr(t.description, 1, 1000)
        FROM json_each(?1) AS wanted CROSS JOIN agent_texts AS t ON t.agent_id = unhex(wanted.value)";
    postgres: "SELECT agent_id, name, labels, left(description, 1000) FROM agent_texts WHERE agent_id = ANY ($1)";
}

/// See [`crate::store::CatalogStore::request_vector`].
pub(super) async fn raise_revision(tx: &mut Tx, agent: AgentId) -> Result<(), StoreError> {
    let statement = RaiseRevision { agent };
    on!(tx, conn => statement.execute(conn).await)?;
    Ok(())
}

fn stale((agent, revision, name, labels, description): StaleRow) -> StaleAgent {
    let texts = name.zip(labels).zip(description);
    StaleAgent { agent, revision, texts: texts.map(|((name, labels), description)| IndexTexts { name, labels, description }) }
}

impl VectorStore for Tx {
    async fn vector_head(&mut self) -> Result<VectorHead, StoreError> {
        let query = Head {};
        let (change_no, has_stale, model): (i64, bool, Option<String>) = on!(self, conn => query.get_result(conn).await)?;
        Ok(VectorHead { change_no, has_stale, model })
    }

    async fn set_vector_model(&mut self, model: &str) -> Result<bool, StoreError> {
        let statement = SetModel { model: model.to_owned() };
        Ok(on!(self, conn => statement.execute(conn).await)? == 1)
    }

    async fn expire_vectors(&mut self, model: &str, limit: u32) -> Result<usize, StoreError> {
        let statement = Expire { model: model.to_owned(), limit: i64::from(limit) };
        on!(self, conn => statement.execute(conn).await)
    }

    async fn list_vector_changes(&mut self, model: &str, after: Cursor, limit: u32) -> Result<Vec<VectorChange>, StoreError> {
        type Row = (i64, AgentId, Option<f64>, Option<Vec<u8>>);
        let Cursor { change_no, agent } = after;
        let query = Changes { model: model.to_owned(), change_no, agent, limit: i64::from(limit) };
        let rows: Vec<Row> = on!(self, conn => query.load(conn).await)?;
        let change = |(change_no, agent, scale, vector): Row| VectorChange {
            at: Cursor { change_no, agent },
            vector: scale.zip(vector).map(|(scale, bytes)| Int8Vector {
                scale: narrowed(scale),
                values: bytes.into_iter().map(u8::cast_signed).collect(),
            }),
        };
        Ok(rows.into_iter().map(change).collect())
    }

    async fn list_stale(&mut self, limit: u32) -> Result<Vec<StaleAgent>, StoreError> {
        let query = Stale { limit: i64::from(limit) };
        let rows: Vec<StaleRow> = on!(self, conn => query.load(conn).await)?;
        Ok(rows.into_iter().map(stale).collect())
    }

    async fn find_stale(&mut self, agent: AgentId) -> Result<Option<StaleAgent>, StoreError> {
        let query = StaleOne { agent };
        let row: Option<StaleRow> = on!(self, conn => query.get_result(conn).await.optional())?;
        Ok(row.map(stale))
    }

    async fn put_vectors(&mut self, model: &str, made: &[MadeVector]) -> Result<bool, StoreError> {
        let next = NextChange { model: model.to_owned() };
        let next: Option<i64> = on!(self, conn => next.get_result(conn).await.optional())?;
        let Some(change_no) = next else { return Ok(false) };
        for MadeVector { agent, revision, vector } in made {
            let (scale, vector) = vector.as_ref().map(|vector| (f64::from(vector.scale), &vector.values)).unzip();
            let vector = vector.map(|values| values.iter().map(|value| value.cast_unsigned()).collect());
            let put = PutVector { agent: *agent, revision: *revision, change_no, model: model.to_owned(), scale, vector };
            on!(self, conn => put.execute(conn).await)?;
        }
        Ok(true)
    }

    async fn list_texts(&mut self, agents: &[AgentId]) -> Result<Vec<(AgentId, IndexTexts)>, StoreError> {
        type Row = (AgentId, String, String, String);
        let query = Texts { agents: Ids(agents.to_vec()) };
        let rows: Vec<Row> = on!(self, conn => query.load(conn).await)?;
        Ok(rows.into_iter().map(|(id, name, labels, description)| (id, IndexTexts { name, labels, description })).collect())
    }

    async fn list_named(&mut self, name: &str, limit: u32) -> Result<Vec<AgentId>, StoreError> {
        on!(self, conn => agent_texts::table.filter(agent_texts::name.eq(name)).order(agent_texts::agent_id)
            .limit(i64::from(limit)).select(agent_texts::agent_id).load(conn).await)
    }
}

/// The scale was an `f32` before it was stored.
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "there is no other conversion, and nothing is lost")]
pub(super) const fn narrowed(scale: f64) -> f32 {
    scale as f32
}
