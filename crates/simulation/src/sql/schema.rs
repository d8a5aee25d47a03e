//! The tables of simulations.

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{JsonDoc, Uid, UtcTime};
    simulation_runs (no) {
        no -> BigInt,
        id -> Uid,
        owner_id -> Uid,
        scenario -> Text,
        config -> JsonDoc,
        status -> Text,
        current_tick -> BigInt,
        total_ticks -> BigInt,
        agents_count -> BigInt,
        total_orders -> BigInt,
        total_trades -> BigInt,
        total_failed -> BigInt,
        total_volume -> BigInt,
        total_welfare -> BigInt,
        error -> Nullable<Text>,
        holder_id -> Uid,
        lease_until -> UtcTime,
        started_at -> UtcTime,
        ended_at -> Nullable<UtcTime>,
        updated_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    simulation_ticks (run_no, tick, capability) {
        run_no -> BigInt,
        tick -> BigInt,
        capability -> Text,
        orders -> BigInt,
        expired -> BigInt,
        trades -> BigInt,
        failed -> BigInt,
        volume -> BigInt,
        open_price -> Nullable<BigInt>,
        high_price -> Nullable<BigInt>,
        low_price -> Nullable<BigInt>,
        close_price -> Nullable<BigInt>,
        best_bid -> Nullable<BigInt>,
        best_ask -> Nullable<BigInt>,
        bids -> BigInt,
        asks -> BigInt,
        consumer_surplus -> BigInt,
        producer_surplus -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::{Uid, UtcTime};
    simulation_trades (run_no, no) {
        run_no -> BigInt,
        no -> BigInt,
        id -> Uid,
        tick -> BigInt,
        capability -> Text,
        bid_order_id -> Uid,
        ask_order_id -> Uid,
        buyer_agent_id -> Uid,
        seller_agent_id -> Uid,
        price -> BigInt,
        status -> Text,
        latency_ms -> BigInt,
        created_at -> UtcTime,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use rialto_store::types::JsonDoc;
    simulation_books (run_no, capability) {
        run_no -> BigInt,
        capability -> Text,
        tick -> BigInt,
        bids -> JsonDoc,
        asks -> JsonDoc,
    }
}
