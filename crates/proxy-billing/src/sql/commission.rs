//! The terms of providers.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, QueryableByName, sql_query, sql_types::BigInt};
use rialto_kernel::{Amount, OwnerId, Timestamp};
use rialto_store::{StoreError, Tx, on, types::Uid};

use crate::commission::{CommissionStore, Quality, Terms};

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    commission_terms (owner_id) {
        owner_id -> Uid,
        registered_at -> UtcTime,
        is_founding -> Bool,
        settled -> BigInt,
        quality -> Text,
    }
}

// The registry's: since when its owner is a provider is asked of it.
diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::*;
    services (id) {
        id -> Uid,
        owner_id -> Uid,
        created_at -> UtcTime,
    }
}

const FIRST: &str = "SELECT owner_id FROM services GROUP BY owner_id ORDER BY min(created_at), owner_id LIMIT $1";

#[derive(QueryableByName)]
struct First {
    #[diesel(sql_type = Uid)]
    owner_id: OwnerId,
}

impl CommissionStore for Tx {
    async fn find_terms(&mut self, provider: OwnerId) -> Result<Option<Terms>, StoreError> {
        type Row = (Timestamp, bool, i64, String);
        use commission_terms as t;
        let row: Option<Row> = on!(self, conn => t::table.find(provider)
            .select((t::registered_at, t::is_founding, t::settled, t::quality)).first(conn).await.optional())?;
        let Some((registered_at, is_founding, settled, quality)) = row else { return Ok(None) };
        let corrupt = || StoreError::Corrupt(format!("commission_terms of {provider}"));
        Ok(Some(Terms {
            registered_at: Some(registered_at),
            is_founding,
            settled: Amount::new(settled).map_err(|_| corrupt())?,
            quality: Quality::from_word(&quality).ok_or_else(corrupt)?,
        }))
    }

    async fn insert_terms(&mut self, provider: OwnerId, terms: &Terms) -> Result<(), StoreError> {
        use commission_terms as t;
        let Some(registered_at) = terms.registered_at else { return Ok(()) };
        let row = (
            t::owner_id.eq(provider),
            t::registered_at.eq(registered_at),
            t::is_founding.eq(terms.is_founding),
            t::settled.eq(terms.settled.get()),
            t::quality.eq(terms.quality.as_str()),
        );
        on!(self, conn => diesel::insert_into(t::table).values(&row).on_conflict_do_nothing().execute(conn).await)?;
        Ok(())
    }

    async fn find_registration(&mut self, provider: OwnerId) -> Result<Option<Timestamp>, StoreError> {
        on!(self, conn => services::table.filter(services::owner_id.eq(provider))
            .order(services::created_at.asc()).select(services::created_at).first(conn).await.optional())
    }

    async fn list_first_providers(&mut self, limit: u32) -> Result<Vec<OwnerId>, StoreError> {
        let rows: Vec<First> = on!(self, conn => sql_query(FIRST).bind::<BigInt, _>(i64::from(limit)).load(conn).await)?;
        Ok(rows.into_iter().map(|row| row.owner_id).collect())
    }

    async fn add_settled(&mut self, provider: OwnerId, gross: Amount) -> Result<(), StoreError> {
        use commission_terms as t;
        on!(self, conn => diesel::update(t::table.find(provider)).set(t::settled.eq(t::settled + gross.get()))
            .execute(conn).await)?;
        Ok(())
    }

    async fn set_quality(&mut self, provider: OwnerId, quality: Quality) -> Result<(), StoreError> {
        use commission_terms as t;
        on!(self, conn => diesel::update(t::table.find(provider).filter(t::quality.ne(quality.as_str())))
            .set(t::quality.eq(quality.as_str()))
            .execute(conn).await)?;
        Ok(())
    }
}
