//! Full text: FTS5 on SQLite, a tsvector on PostgreSQL.

use diesel::sql_types::{Array, BigInt, Text};
use rialto_kernel::AgentId;
use rialto_store::{StoreError, Tx, on, statement, types::Uid};

use crate::{Found, TextMatch};

statement! {
    /// The agents with at least one of the words, the best first, and for each word the digit of where it was found:
    /// 3 in the name, 2 in the labels, 1 in the description, 0 nowhere.
    struct Matches { any: String => Text | Text, limit: i64 => BigInt | BigInt, each: Words => Text | Array<Text> }
    rows: (Uid, Text);
    sqlite: "WITH best AS MATERIALIZED (
            SELECT rowid AS seq, rank AS score FROM agent_texts_fts WHERE agent_texts_fts MATCH ?1 ORDER BY rank LIMIT ?2
        )
        SELECT texts.agent_id, (
            SELECT group_concat(place, '') FROM (
                SELECT CASE
                    WHEN NOT EXISTS (SELECT 1 FROM agent_texts_fts WHERE agent_texts_fts MATCH word.value AND rowid = best.seq) THEN 0
                    WHEN EXISTS (SELECT 1 FROM agent_texts_fts WHERE agent_texts_fts MATCH 'name : ' || word.value AND rowid = best.seq) THEN 3
                    WHEN EXISTS (SELECT 1 FROM agent_texts_fts WHERE agent_texts_fts MATCH 'labels : ' || word.value AND rowid = best.seq) THEN 2
                    ELSE 1 END AS place
                FROM json_each(?3) AS word ORDER BY word.key
            )
        )
        FROM best JOIN agent_texts AS texts ON texts.seq = best.seq ORDER BY best.score, best.seq";
    postgres: "SELECT best.agent_id, (
            SELECT string_agg(CASE
                WHEN best.document @@ to_tsquery('english', word || ':A') THEN '3'
                WHEN best.document @@ to_tsquery('english', word || ':B') THEN '2'
                WHEN best.document @@ to_tsquery('english', word) THEN '1'
                ELSE '0' END, '' ORDER BY position)
            FROM unnest($3) WITH ORDINALITY AS words (word, position)
        )
        FROM (
            SELECT seq, agent_id, document, ts_rank('{0, 0.1, 0.5, 1}', document, query) AS score
            FROM agent_texts, to_tsquery('english', $1) AS query
            WHERE document @@ query ORDER BY score DESC, seq LIMIT $2
        ) AS best ORDER BY best.score DESC, best.seq";
}

/// The words of a query, each quoted in the way of the database that is asked.
#[derive(Debug)]
enum Words {
    Sqlite(String),
    Postgres(Vec<String>),
}

mod bind {
    //! Each database is handed its own form. The other form never meets it.

    use diesel::{
        pg::Pg,
        serialize::{self, IsNull, Output, ToSql},
        sql_types::{Array, Text},
        sqlite::Sqlite,
    };

    use super::Words;

    impl ToSql<Text, Sqlite> for Words {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
            let Self::Sqlite(json) = self else { return Err("words for PostgreSQL".into()) };
            out.set_value(json.as_str());
            Ok(IsNull::No)
        }
    }
    impl ToSql<Array<Text>, Pg> for Words {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
            let Self::Postgres(words) = self else { return Err("words for SQLite".into()) };
            ToSql::<Array<Text>, Pg>::to_sql(words, out)
        }
    }
}

/// See [`crate::store::CatalogStore::list_matches`].
pub(super) async fn matches(tx: &mut Tx, terms: &[String], limit: u32) -> Result<Vec<TextMatch>, StoreError> {
    // Terms are letters and digits only; the quotes keep words such as OR and NEAR from being operators.
    let (any, each) = if tx.is_postgres() {
        let quoted: Vec<String> = terms.iter().map(|term| format!("'{term}'")).collect();
        (quoted.join(" | "), Words::Postgres(quoted))
    } else {
        let quoted: Vec<String> = terms.iter().map(|term| format!("\"{term}\"")).collect();
        (quoted.join(" OR "), Words::Sqlite(serde_json::Value::from(quoted).to_string()))
    };
    let query = Matches { any, limit: i64::from(limit), each };
    let rows: Vec<(AgentId, String)> = on!(tx, conn => query.load(conn).await)?;
    let found = |digit: char| match digit {
        '3' => Found::InName,
        '2' => Found::InLabels,
        '1' => Found::InDescription,
        _ => Found::Not,
    };
    Ok(rows.into_iter().map(|(agent, digits)| TextMatch { agent, found: digits.chars().map(found).collect() }).collect())
}
