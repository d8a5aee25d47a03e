//! Agents by a text in their name or readable id.
//!
//! A text in the middle of others has no index in both databases, so that not all agents are looked at: those whose name or id
//! begins with it, and those whose names have its words, wherever an index leads; and the newest, one by one.

use diesel::sql_types::{Array, BigInt, Text};
use rialto_kernel::AgentId;
use rialto_store::{StoreError, Tx, on, statement, types::Uid};
use uuid::Uuid;

use super::{
    catalog::pattern,
    search::{self, Words},
};
use crate::{Found, terms};

/// How many names, and how many ids, that begin with the text are looked at.
const BEGINNING_MAX: i64 = 1_000;
/// How many of the newest agents are.
const NEWEST_MAX: i64 = 2_000;
/// How many are whose names have the words of the text.
const WORDED_MAX: u32 = 500;

statement! {
    /// The ids of active agents, those first whose owners do best, then the newest.
    struct Named {
        from: String => Text | Text,
        to: String => Text | Text,
        pattern: String => Text | Text,
        id: AgentId => Uid | Uid,
        worded: Words => Text | Array<Text>,
        beginning: i64 => BigInt | BigInt,
        newest: i64 => BigInt | BigInt,
        limit: i64 => BigInt | BigInt,
    }
    rows: (Uid,);
    sqlite: r#"WITH near (id) AS (
            SELECT id FROM (SELECT id FROM agents WHERE state = 'active' AND lower(name) >= ?1 AND lower(name) < ?2 LIMIT ?6)
            UNION SELECT id FROM (SELECT id FROM agents WHERE slug >= ?1 AND slug < ?2 LIMIT ?6)
            UNION SELECT id FROM (SELECT id FROM agents WHERE state = 'active' ORDER BY created_at DESC, id DESC LIMIT ?7)
            UNION SELECT unhex(value) FROM json_each(?5)
            UNION SELECT ?4
        )
        SELECT agents.id FROM near CROSS JOIN agents ON agents.id = near.id
        LEFT JOIN owner_standings AS standings ON standings.owner_id = agents.owner_id
        WHERE state = 'active' AND (lower(name) LIKE ?3 ESCAPE '\' OR lower(slug) LIKE ?3 ESCAPE '\' OR agents.id = ?4)
        ORDER BY coalesce(standings.overall, 0) DESC, agents.created_at DESC, agents.id DESC LIMIT ?8"#;
    postgres: r#"WITH near (id) AS (
            (SELECT id FROM agents WHERE state = 'active' AND lower(name COLLATE "C") >= $1 AND lower(name COLLATE "C") < $2 LIMIT $6)
            UNION (SELECT id FROM agents WHERE slug COLLATE "C" >= $1 AND slug COLLATE "C" < $2 LIMIT $6)
            UNION (SELECT id FROM agents WHERE state = 'active' ORDER BY created_at DESC, id DESC LIMIT $7)
            UNION SELECT unnest($5)::uuid
            UNION SELECT $4
        )
        SELECT agents.id FROM near JOIN agents ON agents.id = near.id
        LEFT JOIN owner_standings AS standings ON standings.owner_id = agents.owner_id
        WHERE state = 'active'
            AND (lower(name COLLATE "C") LIKE $3 ESCAPE '\' OR lower(slug COLLATE "C") LIKE $3 ESCAPE '\' OR agents.id = $4)
        ORDER BY coalesce(standings.overall, 0) DESC, agents.created_at DESC, agents.id DESC LIMIT $8"#;
}

/// See [`crate::store::IdentityStore::search_named`].
pub(super) async fn search(tx: &mut Tx, text: &str, limit: u32) -> Result<Vec<AgentId>, StoreError> {
    // As both databases fold names here: ASCII alone.
    let folded = text.to_ascii_lowercase();
    let worded = worded(tx, text).await?;
    let worded = if tx.is_postgres() {
        Words::Postgres(worded.iter().map(ToString::to_string).collect())
    } else {
        let hexadecimal: Vec<String> = worded.iter().map(|id| id.uuid().simple().to_string()).collect();
        Words::Sqlite(serde_json::Value::from(hexadecimal).to_string())
    };
    let query = Named {
        // Nothing that begins with the text comes after it.
        to: format!("{folded}\u{10ffff}"),
        pattern: pattern(&folded),
        from: folded,
        id: AgentId::from_uuid(text.parse().unwrap_or(Uuid::nil())),
        worded,
        beginning: BEGINNING_MAX,
        newest: NEWEST_MAX,
        limit: limit.into(),
    };
    let rows: Vec<(AgentId,)> = on!(tx, conn => query.load(conn).await)?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Agents whose names have all words of the text, as discovery finds them: those that can be called.
async fn worded(tx: &mut Tx, text: &str) -> Result<Vec<AgentId>, StoreError> {
    let terms = terms::of(text);
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    let found = search::matches(tx, &terms, WORDED_MAX).await?;
    let is_named = |found: &[Found]| found.iter().all(|place| *place == Found::InName);
    Ok(found.into_iter().filter(|one| is_named(&one.found)).map(|one| one.agent).collect())
}
