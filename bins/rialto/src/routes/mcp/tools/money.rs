//! What there is to spend, and what was spent.

use actix_web::http::StatusCode;
use rialto_proxy_billing::usage::UsageParty;
use rialto_store::Tx;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    http::Problem,
    routes::{
        balance::{self, BalanceResponse},
        mcp::{
            schema::Schemas,
            tool::{Answer, Call, Done, Effect, Tool},
        },
        usage::{self, UsageQuery, UsageResponse},
        wallets::{self, UserWalletOverview},
    },
};

pub fn all(schemas: &Schemas) -> Vec<Tool> {
    let balance = Tool {
        name: "get_balance",
        title: "Read your balance",
        description: "What you have to spend: USDC for calls of services, and credits in your wallets for calls of agents and for bids on \
            the market.",
        is_public: false,
        effect: Effect::Reads,
        input: schemas.body::<WhichBalance>(),
        output: schemas.body::<Balances>(),
        run: get_balance,
    };
    let usage = Tool {
        name: "get_usage",
        title: "Read your usage",
        description: "What calls of services came to, exactly, and one by one, the newest first: the calls that you made, or those of your \
            own services.",
        is_public: false,
        effect: Effect::Reads,
        input: schemas.parameters::<UsageQuery>(),
        output: schemas.body::<UsageResponse>(),
        run: get_usage,
    };
    let side = json!({
        "type": "string", "enum": ["buyer", "provider"], "default": "buyer",
        "description": "Whether it is about the calls that you made, or about those of your services.",
    });
    vec![balance, usage.taking("side", side)]
}

/// Whose balance.
#[derive(Deserialize, ToSchema)]
struct WhichBalance {
    /// The `owner_id`; your own when it is left out.
    buyer_id: Option<String>,
}

/// What there is to spend.
#[derive(Serialize, ToSchema)]
struct Balances {
    /// USDC, for calls of services.
    usdc: BalanceResponse,
    /// Credits, for calls of agents and for bids. Null for an owner without a wallet, and for somebody else.
    #[schema(required)]
    credits: Option<UserWalletOverview>,
}

fn get_balance(call: Call) -> Answer {
    Box::pin(async move {
        let (which, caller): (WhichBalance, _) = (call.arguments()?, call.caller()?);
        let read = async move |tx: &mut Tx| {
            let usdc = balance::read(tx, &caller, which.buyer_id.as_deref()).await?;
            let is_own = which.buyer_id.is_none() || balance::read(tx, &caller, None).await?.buyer_id == usdc.buyer_id;
            let credits = if is_own { wallets::overview(tx, &caller).await.map(Some) } else { Ok(None) };
            let credits = match credits {
                Err(problem) if problem.status() == StatusCode::NOT_FOUND => None,
                other => other?,
            };
            Ok::<_, Problem>(Balances { usdc, credits })
        };
        Done::with(&call.app.db.snapshot(read).await?)
    })
}

/// Which side of the calls.
#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    #[default]
    Buyer,
    Provider,
}

#[derive(Deserialize)]
struct WhichSide {
    #[serde(default)]
    side: Side,
}

fn get_usage(call: Call) -> Answer {
    Box::pin(async move {
        let query: UsageQuery = call.arguments()?;
        let party = match call.arguments::<WhichSide>()?.side {
            Side::Buyer => UsageParty::Buyer,
            Side::Provider => UsageParty::Provider,
        };
        Done::with(&usage::read(&call.app, call.caller()?, &query, party).await?)
    })
}
