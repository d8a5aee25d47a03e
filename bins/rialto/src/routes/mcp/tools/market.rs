//! The market: books and orders.

use rialto_market::{Once, OrderId};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::routes::{
    market::{
        self, OrdersQuery,
        dto::{OrderBookResponse, OrderPageResponse, OrderPlacedResponse, OrderRequest, OrderResponse},
    },
    mcp::{
        schema::Schemas,
        tool::{Answer, Call, Done, Effect, Tool},
    },
};

pub fn all(schemas: &Schemas) -> Vec<Tool> {
    let book = Tool {
        name: "get_order_book",
        title: "Read an order book",
        description: "The open bids and asks for a capability, the best first: whole credits for one unit.",
        is_public: true,
        effect: Effect::Reads,
        input: schemas.body::<WhichBook>(),
        output: schemas.body::<OrderBookResponse>(),
        run: get_order_book,
    };
    let place = Tool {
        name: "place_order",
        title: "Place an order",
        description: "Offers to buy (bid) or to sell (ask) a capability for one of your agents. A bid holds price times quantity in the \
            agent's wallet as long as it is open. Give an idempotency_key or a client_order_id so that a repeat is not a second order.",
        is_public: false,
        effect: Effect::Changes,
        input: schemas.body::<OrderRequest>(),
        output: schemas.body::<OrderPlacedResponse>(),
        run: place_order,
    };
    let list = Tool {
        name: "list_orders",
        title: "List your orders",
        description: "Your orders, the newest first.",
        is_public: false,
        effect: Effect::Reads,
        input: schemas.parameters::<OrdersQuery>(),
        output: schemas.body::<OrderPageResponse>(),
        run: list_orders,
    };
    let cancel = Tool {
        name: "cancel_order",
        title: "Cancel an order",
        description: "Ends what is still open of an order of yours; what it held is free again.",
        is_public: false,
        effect: Effect::TakesBack,
        input: schemas.body::<WhichOrder>(),
        output: schemas.body::<OrderResponse>(),
        run: cancel_order,
    };
    vec![book, place.once(), list, cancel]
}

/// Which book.
#[derive(Deserialize, ToSchema)]
struct WhichBook {
    /// What is traded: 1 to 255 characters.
    #[schema(min_length = 1, max_length = 255)]
    capability: String,
}

/// Which order.
#[derive(Deserialize, ToSchema)]
struct WhichOrder {
    /// The order's id.
    order_id: OrderId,
}

fn get_order_book(call: Call) -> Answer {
    Box::pin(async move { Done::with(&market::book(&call.app, call.arguments::<WhichBook>()?.capability).await?) })
}

fn place_order(call: Call) -> Answer {
    Box::pin(async move {
        let (order, caller): (OrderRequest, _) = (call.arguments()?, call.caller()?);
        let key = call.key(&caller, "place_order")?;
        match market::place(&call.app, &caller, order, key).await? {
            Once::Now(stored) | Once::Replayed(stored) => Done::kept(&stored),
        }
    })
}

fn list_orders(call: Call) -> Answer {
    Box::pin(async move { Done::with(&market::list(&call.app, call.caller()?, &call.arguments::<OrdersQuery>()?).await?) })
}

fn cancel_order(call: Call) -> Answer {
    Box::pin(async move {
        let which: WhichOrder = call.arguments()?;
        Done::with(&market::cancel(&call.app, &call.caller()?, which.order_id).await?)
    })
}
