//! Agents by a text in their name or readable id.
//!
//! A text in the middle of others has no index in both databases, so that not all agents are looked at, but so many of each kind:
//! those whose name, whose id, or a word of whose name begins with it; those whose owners do best; and the newest.

use diesel::sql_types::{BigInt, Text};
use rialto_kernel::AgentId;
use rialto_store::{StoreError, Tx, on, statement, types::Uid};
use uuid::Uuid;

use super::catalog::pattern;
use crate::terms;

/// How many names, and how many ids, that begin with the text are looked at, in the order of the alphabet.
const BEGINNING_MAX: i64 = 1_000;
/// How many agents are that have the text's longest word, or one that begins with it: the word itself before longer ones, and of
/// those that have it whoever was registered first. Their ids say when that was.
const WORDED_MAX: i64 = 2_000;
/// How many are whose owners do best, and how many of the newest.
const FIRST_MAX: i64 = 2_000;

statement! {
    /// The ids of active agents, those first whose owners do best, then the newest.
    struct Named {
        from: String => Text | Text,
        to: String => Text | Text,
        pattern: String => Text | Text,
        id: AgentId => Uid | Uid,
        word: String => Text | Text,
        word_to: String => Text | Text,
        beginning: i64 => BigInt | BigInt,
        worded: i64 => BigInt | BigInt,
        first: i64 => BigInt | BigInt,
        limit: i64 => BigInt | BigInt,
    }
    rows: (Uid,);
    // Told which comes first: without statistics SQLite would sort all agents there are.
    sqlite: r#"WITH near (id) AS (
            SELECT id FROM (SELECT id FROM agents WHERE state = 'active' AND lower(name) >= ?1 AND lower(name) < ?2 LIMIT ?7)
            UNION SELECT id FROM (SELECT id FROM agents WHERE state = 'active' AND slug >= ?1 AND slug < ?2 LIMIT ?7)
            UNION SELECT agent_id FROM (
                SELECT agent_id FROM agent_words WHERE word >= ?5 AND word < ?6 ORDER BY word, agent_id LIMIT ?8
            )
            UNION SELECT id FROM (
                SELECT agents.id FROM owner_standings AS best CROSS JOIN agents ON agents.owner_id = best.owner_id
                WHERE state = 'active' ORDER BY overall DESC, calls DESC, best.owner_id LIMIT ?9
            )
            UNION SELECT id FROM (SELECT id FROM agents WHERE state = 'active' ORDER BY created_at DESC, id DESC LIMIT ?9)
            UNION SELECT ?4
        )
        SELECT agents.id FROM near CROSS JOIN agents ON agents.id = near.id
        LEFT JOIN owner_standings AS standings ON standings.owner_id = agents.owner_id
        WHERE state = 'active' AND (lower(name) LIKE ?3 ESCAPE '\' OR lower(slug) LIKE ?3 ESCAPE '\' OR agents.id = ?4)
        ORDER BY coalesce(standings.overall, 0) DESC, agents.created_at DESC, agents.id DESC LIMIT ?10"#;
    postgres: r#"WITH near (id) AS (
            (SELECT id FROM agents WHERE state = 'active' AND lower(name COLLATE "C") >= $1 AND lower(name COLLATE "C") < $2 LIMIT $7)
            UNION (SELECT id FROM agents WHERE state = 'active' AND slug COLLATE "C" >= $1 AND slug COLLATE "C" < $2 LIMIT $7)
            UNION (SELECT agent_id FROM agent_words WHERE word >= $5 AND word < $6 ORDER BY word, agent_id LIMIT $8)
            UNION (
                SELECT agents.id FROM owner_standings AS best JOIN agents ON agents.owner_id = best.owner_id
                WHERE state = 'active' ORDER BY overall DESC, calls DESC, best.owner_id LIMIT $9
            )
            UNION (SELECT id FROM agents WHERE state = 'active' ORDER BY created_at DESC, id DESC LIMIT $9)
            UNION SELECT $4
        )
        SELECT agents.id FROM near JOIN agents ON agents.id = near.id
        LEFT JOIN owner_standings AS standings ON standings.owner_id = agents.owner_id
        WHERE state = 'active'
            AND (lower(name COLLATE "C") LIKE $3 ESCAPE '\' OR lower(slug COLLATE "C") LIKE $3 ESCAPE '\' OR agents.id = $4)
        ORDER BY coalesce(standings.overall, 0) DESC, agents.created_at DESC, agents.id DESC LIMIT $10"#;
}

/// See [`crate::store::IdentityStore::search_named`].
pub(super) async fn search(tx: &mut Tx, text: &str, limit: u32) -> Result<Vec<AgentId>, StoreError> {
    // As both databases fold names here: ASCII alone.
    let folded = text.to_ascii_lowercase();
    // The longest says most. Without any word nothing comes before nothing.
    let word = terms::words(text).into_iter().max_by_key(String::len);
    let query = Named {
        to: beyond(&folded),
        pattern: pattern(&folded),
        from: folded,
        id: AgentId::from_uuid(text.parse().unwrap_or(Uuid::nil())),
        word_to: word.as_deref().map(beyond).unwrap_or_default(),
        word: word.unwrap_or_default(),
        beginning: BEGINNING_MAX,
        worded: WORDED_MAX,
        first: FIRST_MAX,
        limit: limit.into(),
    };
    let rows: Vec<(AgentId,)> = on!(tx, conn => query.load(conn).await)?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Nothing that begins with the text comes after it.
fn beyond(text: &str) -> String {
    format!("{text}\u{10ffff}")
}
