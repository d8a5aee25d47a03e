//! What an order may be, before anybody looks at the books.

use rialto_kernel::{Amount, Timestamp};

use crate::{
    error::MarketError,
    model::{Amendment, NewOrder, OrderType, TimeInForce},
};

const fn invalid(field: &'static str, why: &'static str) -> MarketError {
    MarketError::Invalid { field, why }
}

/// A name that a client chose.
pub(crate) fn text(field: &'static str, text: &str) -> Result<(), MarketError> {
    // The count of bytes first: a text of megabytes is not counted through.
    let fits = text.len() <= 4 * NewOrder::TEXT_CHARS_MAX && (1..=NewOrder::TEXT_CHARS_MAX).contains(&text.chars().count());
    if fits && !text.contains('\0') { Ok(()) } else { Err(invalid(field, "1 to 255 characters, without NUL")) }
}

fn price(price: i64) -> Result<(), MarketError> {
    let fits = (1..=Amount::MAX.get()).contains(&price);
    if fits { Ok(()) } else { Err(invalid("price", "1 to 9007199254740991")) }
}

fn in_range(field: &'static str, quantity: i64) -> Result<(), MarketError> {
    let fits = (1..=NewOrder::QUANTITY_MAX).contains(&quantity);
    if fits { Ok(()) } else { Err(invalid(field, "1 to 1000000000")) }
}

/// Whether price times quantity is an amount.
pub(super) fn total(price: i64, quantity: i64) -> Result<Amount, MarketError> {
    let total = price.checked_mul(quantity).and_then(|total| Amount::new(total).ok());
    total.ok_or_else(|| invalid("quantity", "price times quantity at most 9007199254740991"))
}

pub(super) fn order(new: &NewOrder) -> Result<(), MarketError> {
    text("capability", &new.capability)?;
    if let Some(id) = &new.client_order_id {
        text("client_order_id", id)?;
    }
    in_range("quantity", new.quantity)?;
    match new.price {
        Some(limit) => {
            price(limit)?;
            total(limit, new.quantity)?;
        }
        None if new.order_type == OrderType::Limit => return Err(invalid("price", "a limit order has one")),
        None => {}
    }
    if new.order_type == OrderType::Market && !matches!(new.time_in_force, TimeInForce::Ioc | TimeInForce::Fok) {
        return Err(invalid("time_in_force", "ioc or fok for a market order"));
    }
    match (new.time_in_force, new.expires_at) {
        (TimeInForce::Gtt, None) => Err(invalid("expires_at", "gtt takes a time")),
        (TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok, Some(_)) => {
            Err(invalid("expires_at", "only with gtt or post_only"))
        }
        _ => Ok(()),
    }
}

/// Whether the time of an order that has not been placed yet is to come.
pub(super) fn time(new: &NewOrder, now: Timestamp) -> Result<(), MarketError> {
    if new.expires_at.is_some_and(|time| time <= now) { Err(invalid("expires_at", "a time to come")) } else { Ok(()) }
}

pub(super) fn amendment(new: &Amendment) -> Result<(), MarketError> {
    new.price.map_or(Ok(()), price)?;
    new.remaining.map_or(Ok(()), |remaining| in_range("remaining", remaining))?;
    new.quantity.map_or(Ok(()), |quantity| in_range("quantity", quantity))?;
    match (new.remaining, new.quantity) {
        (Some(_), Some(_)) => Err(invalid("quantity", "either this or `remaining`")),
        _ => Ok(()),
    }
}

/// What an order has open once it is for `quantity` in all.
pub(super) fn remaining(quantity: i64, done: i64) -> Result<i64, MarketError> {
    let left = quantity.checked_sub(done).filter(|left| *left > 0);
    left.ok_or_else(|| invalid("quantity", "more than was filled and cancelled already"))
}

/// A hash by which the repetition of an order is told from another one (FNV-1a, which stays the same for ever).
pub(super) fn fingerprint(new: &NewOrder) -> i64 {
    let text = format!(
        "{}\0{}\0{}\0{}\0{:?}\0{}\0{}\0{}\0{:?}\0{}\0{}",
        new.trader.agent,
        new.side.as_str(),
        new.order_type.as_str(),
        new.time_in_force.as_str(),
        new.price,
        new.quantity,
        new.self_trade.as_str(),
        new.immediate,
        new.expires_at.map(Timestamp::micros),
        new.client_order_id.as_deref().unwrap_or_default(),
        new.capability,
    );
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash.cast_signed()
}
