//! What a client may ask of the stream.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::HttpRequest;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    compose::{
        App,
        stream::{Feed, Filter, Seat},
    },
    http::{Problem, middleware},
};

/// The longest name of a capability, in characters.
const CAPABILITY_CHARS_MAX: usize = 255;
/// What a browser sends when it connects again.
const LAST_EVENT_ID: &str = "Last-Event-ID";

/// Which events, and from where on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StreamQuery {
    /// Only these types, separated by commas.
    #[param(example = "OrderPlaced,TradeMatched")]
    types: Option<String>,
    /// Only events whose `data.capability` is this one.
    #[param(example = "translation")]
    capability: Option<String>,
    /// `false` leaves out what happens in simulations, `true` leaves out everything else.
    simulated: Option<bool>,
    /// First all events behind this sequence number, then what happens. 0 is all that is kept. Left out, the stream begins now.
    #[param(example = 0, minimum = 0)]
    after: Option<i64>,
}

impl StreamQuery {
    fn filter(&self) -> Result<Filter, Problem> {
        let types = self.types.as_deref().map(str::parse).transpose();
        let types = types.map_err(|error| Problem::invalid("query.types", format!("{error}")))?;
        let capability = self.capability.clone();
        if capability.as_ref().is_some_and(|name| name.is_empty() || name.chars().count() > CAPABILITY_CHARS_MAX) {
            return Err(Problem::invalid("query.capability", format!("must have 1 to {CAPABILITY_CHARS_MAX} characters")));
        }
        Ok(Filter { types, capability, simulated: self.simulated })
    }

    /// Lets the sender of `request` listen.
    pub async fn join(&self, app: &App, request: &HttpRequest) -> Result<(Seat, Feed), Problem> {
        let filter = self.filter()?;
        // A browser repeats the address it began with, and says in the header how far it has come since.
        let (field, after) = match last_event_id(request)? {
            Some(last) => (format!("header.{LAST_EVENT_ID}"), Some(last)),
            None => ("query.after".to_owned(), self.after),
        };
        if after.is_some_and(i64::is_negative) {
            return Err(Problem::invalid(field, "must be at least 0"));
        }
        let address = middleware::client(app, request).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Ok(app.streams.join(address, filter, after).await?)
    }
}

fn last_event_id(request: &HttpRequest) -> Result<Option<i64>, Problem> {
    let Some(value) = request.headers().get(LAST_EVENT_ID).filter(|value| !value.is_empty()) else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    number
        .map(Some)
        .ok_or_else(|| Problem::invalid(format!("header.{LAST_EVENT_ID}"), "must be a sequence number of this stream"))
}
