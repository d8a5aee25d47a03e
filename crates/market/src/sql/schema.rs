//! The market's tables.

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::UtcTime;
    market_capabilities (capability) {
        capability -> Text,
        continuous -> Bool,
        fee_ppm -> Nullable<Integer>,
        version -> BigInt,
        last_priority -> BigInt,
        open_orders -> BigInt,
        created_at -> UtcTime,
        updated_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{Uid, UtcTime};
    market_orders (no) {
        no -> BigInt,
        id -> Uid,
        owner_id -> Uid,
        agent_id -> Uid,
        account_id -> Uid,
        capability -> Text,
        side -> Text,
        #[sql_name = "type"]
        order_type -> Text,
        time_in_force -> Text,
        price -> Nullable<BigInt>,
        quantity -> BigInt,
        remaining -> BigInt,
        filled -> BigInt,
        cancelled -> BigInt,
        status -> Text,
        reason -> Nullable<Text>,
        priority -> BigInt,
        self_trade -> Text,
        hold_id -> Nullable<Uid>,
        client_order_id -> Nullable<Text>,
        fingerprint -> BigInt,
        expires_at -> Nullable<UtcTime>,
        tick -> BigInt,
        created_at -> UtcTime,
        updated_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{Uid, UtcTime};
    market_stopped (agent_id) {
        agent_id -> Uid,
        stopped_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{Uid, UtcTime};
    market_trades (no) {
        no -> BigInt,
        id -> Uid,
        capability -> Text,
        bid_order_id -> Uid,
        ask_order_id -> Uid,
        buyer_agent_id -> Uid,
        seller_agent_id -> Uid,
        buyer_owner_id -> Uid,
        seller_owner_id -> Uid,
        price -> BigInt,
        quantity -> BigInt,
        fee -> BigInt,
        fee_transfer_id -> Nullable<Uid>,
        taker -> Text,
        status -> Text,
        latency_ms -> BigInt,
        tick -> BigInt,
        invocation_id -> Nullable<Uid>,
        hold_id -> Nullable<Uid>,
        created_at -> UtcTime,
        updated_at -> UtcTime,
    }
}
