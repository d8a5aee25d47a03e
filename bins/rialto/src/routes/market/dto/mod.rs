//! What goes over the wire. Prices are whole credits for one unit.

mod order;
mod stats;
mod trade;
mod words;

pub use self::{
    order::{AmendOrderRequest, OrderPageResponse, OrderPlacedResponse, OrderRequest, OrderResponse},
    stats::{
        CandleResponse, CapabilityRequest, CapabilityResponse, DepthResponse, OrderBookResponse, PricedAgentResponse,
        TickerResponse,
    },
    trade::{TradeInvokeRequest, TradeInvokeResponse, TradeResponse},
    words::{CandleInterval, OrderState},
};
