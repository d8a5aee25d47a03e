//! What the movements of Rialto are called. A transfer stores a number; the words for each of its two sides are made
//! when it is read, so they cost no bytes.

use crate::model::{Kind, Side};

/// The credits that a new owner starts with.
pub const WELCOME_GRANT: Kind = Kind(1);
/// A grant to somebody new, by hand.
pub const GRANT_WELCOME: Kind = Kind(2);
/// A promotion.
pub const GRANT_PROMOTIONAL: Kind = Kind(3);
/// A reward.
pub const GRANT_REWARD: Kind = Kind(4);
/// Credits put in by hand.
pub const CREDIT: Kind = Kind(5);
/// Credits taken out by hand.
pub const DEBIT: Kind = Kind(6);
/// Credits bought. The memo is the package.
pub const PURCHASE: Kind = Kind(7);
/// From wallet to wallet.
pub const TRANSFER: Kind = Kind(8);
/// A paid call. The memo is the agent's readable id.
pub const INVOCATION: Kind = Kind(9);
/// From an agent's wallet, to be gathered.
pub const CONSOLIDATION_OUT: Kind = Kind(10);
/// Into the owner's wallet, gathered. The memo is how many wallets it came from.
pub const CONSOLIDATION_IN: Kind = Kind(11);
/// A trade on the market. The memo is the capability.
pub const MARKET_TRADE: Kind = Kind(12);
/// What the house takes of a trade. The memo is the capability.
pub const MARKET_FEE: Kind = Kind(13);
/// What the seller of a trade may have to pay back while it delivers: held, and never posted. The memo is the capability.
pub const MARKET_DELIVERY: Kind = Kind(14);
/// A call of a service. The memo is the service's name.
pub const SERVICE_CALL: Kind = Kind(15);
/// What the house takes of a call of a service. The memo is the service's name.
pub const SERVICE_COMMISSION: Kind = Kind(16);
/// USDC that came in. The memo is what brought it.
pub const DEPOSIT: Kind = Kind(17);

/// Where a movement counts in a wallet's summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bucket {
    Granted,
    Purchased,
    Earned,
    Spent,
    TransferredIn,
    TransferredOut,
    Credited,
    Debited,
}

pub(super) fn bucket(kind: Kind, side: Side) -> Bucket {
    match (kind, side) {
        (WELCOME_GRANT | GRANT_WELCOME | GRANT_PROMOTIONAL | GRANT_REWARD, Side::Credit) => Bucket::Granted,
        (PURCHASE, Side::Credit) => Bucket::Purchased,
        (INVOCATION | CONSOLIDATION_OUT | CONSOLIDATION_IN | MARKET_TRADE | MARKET_FEE, Side::Credit) => Bucket::Earned,
        (INVOCATION | CONSOLIDATION_OUT | CONSOLIDATION_IN | MARKET_TRADE | MARKET_FEE, Side::Debit) => Bucket::Spent,
        (TRANSFER, Side::Credit) => Bucket::TransferredIn,
        (TRANSFER, Side::Debit) => Bucket::TransferredOut,
        (kind, Side::Credit) if kind >= Kind::OWN => Bucket::TransferredIn,
        (kind, Side::Debit) if kind >= Kind::OWN => Bucket::TransferredOut,
        (_, Side::Credit) => Bucket::Credited,
        (_, Side::Debit) => Bucket::Debited,
    }
}

/// The `tx_type` of one side.
pub(super) fn tx_type(kind: Kind, side: Side) -> &'static str {
    match (kind, side) {
        (WELCOME_GRANT, _) => "welcome_grant",
        (GRANT_WELCOME, _) => "grant_welcome",
        (GRANT_PROMOTIONAL, _) => "grant_promotional",
        (GRANT_REWARD, _) => "grant_reward",
        (PURCHASE, _) => "purchase",
        (TRANSFER, Side::Debit) => "transfer_out",
        (TRANSFER, Side::Credit) => "transfer_in",
        (INVOCATION, Side::Debit) => "invocation_debit",
        (INVOCATION, Side::Credit) => "invocation_credit",
        (CONSOLIDATION_OUT, _) => "consolidation_out",
        (CONSOLIDATION_IN, _) => "consolidation_in",
        (MARKET_TRADE, Side::Debit) => "market_buy",
        (MARKET_TRADE, Side::Credit) => "market_sell",
        (MARKET_FEE, _) => "market_fee",
        (SERVICE_CALL, Side::Debit) => "service_payment",
        (SERVICE_CALL, Side::Credit) => "service_revenue",
        (SERVICE_COMMISSION, _) => "service_commission",
        (DEPOSIT, _) => "deposit",
        // Kinds of the users' own are transfers: nobody writes "credit" into another's history but an administrator.
        (kind, Side::Debit) if kind >= Kind::OWN => "transfer_out",
        (kind, Side::Credit) if kind >= Kind::OWN => "transfer_in",
        (_, Side::Debit) => "debit",
        (_, Side::Credit) => "credit",
    }
}

/// The text of one side. A memo is either the text itself, or what is missing in it.
pub(super) fn description(kind: Kind, side: Side, amount: i64, memo: Option<&str>) -> String {
    let detail = memo.unwrap_or("?");
    match (kind, side) {
        (PURCHASE, _) => return format!("Purchased {amount} credits ({detail} package)"),
        (INVOCATION, Side::Debit) => return format!("Payment for {detail} invocation"),
        (INVOCATION, Side::Credit) => return format!("Revenue from {detail} invocation"),
        (MARKET_TRADE, Side::Debit) => return format!("Payment for {detail} (trade)"),
        (MARKET_TRADE, Side::Credit) => return format!("Revenue from {detail} (trade)"),
        (MARKET_FEE, _) => return format!("Market fee for {detail}"),
        (SERVICE_CALL, Side::Debit) => return format!("Payment for a call of {detail}"),
        (SERVICE_CALL, Side::Credit) => return format!("Revenue from a call of {detail}"),
        (SERVICE_COMMISSION, _) => return format!("Commission on a call of {detail}"),
        (DEPOSIT, _) => return format!("Deposit ({detail})"),
        (CONSOLIDATION_IN, _) => return format!("Consolidated from {detail} agent wallet(s)"),
        _ => {}
    }
    let default = match (kind, side) {
        (WELCOME_GRANT, _) => "Welcome bonus credits",
        (GRANT_WELCOME, _) => "Welcome grant",
        (GRANT_PROMOTIONAL, _) => "Promotional grant",
        (GRANT_REWARD, _) => "Reward grant",
        (CREDIT, _) => "Manual credit",
        (DEBIT, _) => "Manual debit",
        (TRANSFER, _) => "Transfer",
        (CONSOLIDATION_OUT, _) => "Sweep to user wallet",
        (_, Side::Debit) => "Payment",
        (_, Side::Credit) => "Receipt",
    };
    memo.unwrap_or(default).to_owned()
}
