//! The ledger's tables.

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{Uid, UtcTime};
    ledger_accounts (no) {
        no -> BigInt,
        id -> Uid,
        owner_id -> Nullable<Uid>,
        agent_id -> Nullable<Uid>,
        asset -> Text,
        code -> Text,
        state -> Text,
        overdraft -> Nullable<BigInt>,
        balance -> BigInt,
        held_out -> BigInt,
        held_in -> BigInt,
        entry_count -> BigInt,
        created_at -> UtcTime,
        updated_at -> UtcTime,
        credits_capped -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    #[sql_name = "ledger_accounts"]
    /// What only SQLite has of it, see `places.rs`.
    ledger_accounts_on_sqlite (no) {
        no -> BigInt,
        recent -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{JsonDoc, Uid, UtcTime};
    ledger_transfers (no) {
        no -> BigInt,
        id -> Uid,
        amount -> BigInt,
        debit_no -> BigInt,
        debit_seq -> BigInt,
        debit_balance -> BigInt,
        credit_no -> BigInt,
        credit_seq -> BigInt,
        credit_balance -> BigInt,
        reference_id -> Nullable<Uid>,
        reverses -> Nullable<Uid>,
        created_at -> UtcTime,
        kind -> Integer,
        memo -> Nullable<Text>,
        effective_at -> Nullable<UtcTime>,
        at_most -> Nullable<BigInt>,
        balancing -> Nullable<SmallInt>,
        metadata -> Nullable<JsonDoc>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{JsonDoc, Uid, UtcTime};
    ledger_holds (id) {
        id -> Uid,
        debit_no -> BigInt,
        credit_no -> BigInt,
        amount -> BigInt,
        kind -> Integer,
        reference_id -> Nullable<Uid>,
        memo -> Nullable<Text>,
        state -> Text,
        posted_amount -> Nullable<BigInt>,
        transfer_id -> Nullable<Uid>,
        expires_at -> Nullable<UtcTime>,
        created_at -> UtcTime,
        resolved_at -> Nullable<UtcTime>,
        metadata -> Nullable<JsonDoc>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{Uid, UtcTime};
    ledger_purchases (id) {
        id -> Uid,
        account_id -> Uid,
        package_id -> Text,
        credits -> BigInt,
        price_cents -> BigInt,
        status -> Text,
        provider -> Text,
        provider_reference -> Text,
        checkout_url -> Nullable<Text>,
        created_at -> UtcTime,
        updated_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::UtcTime;
    ledger_seals (no) {
        no -> BigInt,
        first_no -> BigInt,
        last_no -> BigInt,
        transfers -> BigInt,
        digests -> Binary,
        previous -> Binary,
        hash -> Binary,
        sealed_at -> UtcTime,
    }
}
