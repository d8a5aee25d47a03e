//! The page as the server renders it: complete without a script. Names of capabilities are anybody's text, and escaped.

use std::{borrow::Cow, fmt::Write};

use rialto_kernel::Timestamp;
use rialto_market::book::Side;

use super::look::{MarketLook, Overview, SimulationLook};

const PAGE: &str = include_str!("assets/market.html");
const TICKET: &str = include_str!("assets/ticket.html");
const SCENARIO: &str = include_str!("assets/scenario.html");

const PRICE_NOTE: &str = "<span>The first trade draws the first candle: place an order that meets another one.</span>\
    <a href=\"/market?view=simulation\">Or watch a simulated market</a>";

/// How many prices of each side the page has without its script.
const LEVELS: usize = 14;

/// What the page shows, whichever market it is.
#[derive(Default)]
pub struct Sheet {
    is_simulation: bool,
    capability: String,
    offered: Vec<String>,
    last: Option<i64>,
    ticker: Vec<(&'static str, String)>,
    /// Price, quantity and orders, the best first.
    bids: Vec<(i64, i64, i64)>,
    asks: Vec<(i64, i64, i64)>,
    trades: Vec<Deal>,
}

struct Deal {
    price: i64,
    quantity: i64,
    side: Option<Side>,
    when: String,
}

impl Sheet {
    /// What there is to see.
    pub fn of(found: &Overview) -> Self {
        match found {
            Overview::Market(look) => Self::of_market(look),
            Overview::Simulation(look) => Self::of_simulation(look),
        }
    }

    fn of_market(look: &MarketLook) -> Self {
        let offered = look.listed.iter().map(|listing| listing.capability.to_string()).collect();
        let Some(shown) = &look.shown else { return Self { offered, ..Self::default() } };
        let ticker = shown.ticker;
        let plain = |value: Option<i64>| value.map_or_else(|| "–".to_owned(), grouped);
        let trades = shown.trades.iter().map(|trade| Deal {
            price: trade.price,
            quantity: trade.quantity,
            side: Some(trade.taker),
            when: clock(trade.created_at),
        });
        let level = |level: &rialto_market::DepthLevel| (level.price, level.quantity, level.orders);
        Self {
            is_simulation: false,
            capability: shown.capability.clone(),
            offered,
            last: ticker.last,
            ticker: vec![
                ("Last", plain(ticker.last)),
                ("Bid", plain(ticker.best_bid.map(|level| level.price))),
                ("Ask", plain(ticker.best_ask.map(|level| level.price))),
                ("High 24 h", plain(ticker.high)),
                ("Low 24 h", plain(ticker.low)),
                ("Volume 24 h", grouped(ticker.volume)),
            ],
            bids: shown.depth.bids.iter().map(level).collect(),
            asks: shown.depth.asks.iter().map(level).collect(),
            trades: trades.collect(),
        }
    }

    fn of_simulation(look: &SimulationLook) -> Self {
        let trades =
            look.trades.iter().map(|trade| Deal { price: trade.price, quantity: 1, side: None, when: trade.tick.to_string() });
        let level = |(price, orders): &(i64, i64)| (*price, *orders, *orders);
        let status = look.run.as_ref().map_or("idle", |run| run.status.as_str());
        let last = look.trades.first().map(|trade| trade.price);
        Self {
            is_simulation: true,
            capability: look.book.capability.clone(),
            offered: look.books.clone(),
            last,
            ticker: vec![
                ("Last", last.map_or_else(|| "–".to_owned(), grouped)),
                ("Status", status.to_owned()),
                ("Tick", grouped(look.run.as_ref().map_or(0, |run| run.tick.into()))),
            ],
            bids: look.book.bids.iter().map(level).collect(),
            asks: look.book.asks.iter().map(level).collect(),
            trades: trades.collect(),
        }
    }

    /// What stands at a place of the templates.
    fn at(&self, place: &str) -> Cow<'_, str> {
        let current = " aria-current=\"page\"";
        match place {
            "view" => if self.is_simulation { "simulation" } else { "market" }.into(),
            "capability" => escape(&self.capability).into(),
            "title" => match self.capability.as_str() {
                "" => "Rialto market".into(),
                name => format!("{} – Rialto market", escape(name)).into(),
            },
            "market_current" if !self.is_simulation => current.into(),
            "simulation_current" | "view_field" if !self.is_simulation => "".into(),
            "simulation_current" => current.into(),
            "view_field" => "<input type=\"hidden\" name=\"view\" value=\"simulation\">".into(),
            "options" => self.options().into(),
            "ticker" => self.ticker().into(),
            "asks" => rows(&self.asks, true).into(),
            "bids" => rows(&self.bids, false).into(),
            "middle" => self.middle().into(),
            "trades" => self.tape().into(),
            "tape_time" => if self.is_simulation { "Tick" } else { "Time" }.into(),
            "price_note" if self.is_simulation => "Press Start: sellers and buyers trade here, tick by tick.".into(),
            "price_note" => PRICE_NOTE.into(),
            "side" => fill(if self.is_simulation { SCENARIO } else { TICKET }, |place| self.at(place)).into(),
            _ => "".into(),
        }
    }

    fn options(&self) -> String {
        // One that nobody has traded yet is looked at as well.
        let unlisted = Some(&self.capability).filter(|name| !name.is_empty() && !self.offered.contains(name));
        if self.offered.is_empty() && unlisted.is_none() {
            return "<option value=\"\">nothing yet</option>".to_owned();
        }
        self.offered.iter().chain(unlisted).fold(String::new(), |mut html, name| {
            let selected = if *name == self.capability { " selected" } else { "" };
            let name = escape(name);
            // Writing into a string does not fail.
            let _ = write!(html, "<option value=\"{name}\"{selected}>{name}</option>");
            html
        })
    }

    fn ticker(&self) -> String {
        self.ticker.iter().fold(String::new(), |mut html, (name, value)| {
            let class = if *name == "Last" { " class=\"last\"" } else { "" };
            let _ = write!(html, "<div{class}><dt>{name}</dt><dd>{}</dd></div>", escape(value));
            html
        })
    }

    fn middle(&self) -> String {
        if self.bids.is_empty() && self.asks.is_empty() {
            return "<span class=\"faint\">No orders are open: asks wait above, bids below.</span>".to_owned();
        }
        let spread = self.asks.first().zip(self.bids.first()).map(|(ask, bid)| ask.0.saturating_sub(bid.0));
        let spread = spread.map_or_else(|| "one side only".to_owned(), |spread| format!("spread {}", grouped(spread)));
        format!("<b>{}</b><span class=\"faint\">{spread}</span>", self.last.map_or_else(|| "–".to_owned(), grouped))
    }

    fn tape(&self) -> String {
        if self.trades.is_empty() {
            let note = "No trades yet. One happens where a bid reaches an ask, at the price of the order that waited.";
            return format!("<tr><td colspan=\"3\"><p class=\"empty\">{note}</p></td></tr>");
        }
        self.trades.iter().fold(String::new(), |mut html, deal| {
            let (class, mark) = match deal.side {
                Some(Side::Bid) => ("up", "▲ "),
                Some(Side::Ask) => ("down", "▼ "),
                None => ("", ""),
            };
            let (price, quantity) = (grouped(deal.price), grouped(deal.quantity));
            let _ = write!(
                html,
                "<tr><td class=\"{class}\">{mark}{price}</td><td>{quantity}</td><td class=\"faint\">{}</td></tr>",
                deal.when
            );
            html
        })
    }
}

/// The page.
pub fn page(sheet: &Sheet) -> String {
    fill(PAGE, |place| sheet.at(place))
}

/// Puts values into the places `{{name}}` of a template, in one pass: a value is never taken for a place.
fn fill<'a>(template: &str, value: impl Fn(&str) -> Cow<'a, str>) -> String {
    let mut html = String::with_capacity(template.len() * 2);
    let mut parts = template.split("{{");
    html.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (place, rest) = part.split_once("}}").unwrap_or(("", part));
        html.push_str(&value(place));
        html.push_str(rest);
    }
    html
}

/// Rows of the ladder: the best price is next to the middle.
fn rows(levels: &[(i64, i64, i64)], is_ask: bool) -> String {
    let mut total = 0_i64;
    let mut rows: Vec<String> = Vec::new();
    for (price, quantity, orders) in levels.iter().take(LEVELS) {
        total = total.saturating_add(*quantity);
        let cells = [*price, *quantity, *orders, total].map(|number| format!("<td>{}</td>", grouped(number))).concat();
        rows.push(format!("<tr data-price=\"{price}\">{cells}</tr>"));
    }
    if is_ask {
        rows.reverse();
    }
    rows.concat()
}

/// Text that is safe between tags and in quoted attributes.
fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
        escaped
    })
}

/// A number with commas between thousands.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The time of day, UTC.
fn clock(at: Timestamp) -> String {
    at.to_string().chars().skip(11).take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_text_becomes_markup_or_a_place_in_the_page() {
        let hostile = "</title><script>alert(1)</script>\"'&{{trades}}";
        let sheet = Sheet { capability: hostile.to_owned(), offered: vec![hostile.to_owned()], ..Sheet::default() };
        let html = page(&sheet);
        assert!(!html.contains("<script>alert"), "{html}");
        let escaped = "&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;{{trades}}";
        assert!(html.contains(&format!("<title>{escaped} – Rialto market</title>")), "{html}");
        assert!(html.contains(&format!("data-capability=\"{escaped}\"")), "{html}");
        assert!(html.contains(&format!("<option value=\"{escaped}\" selected>{escaped}</option>")), "{html}");
    }

    #[test]
    fn every_place_of_the_templates_is_known() {
        let sheet = Sheet { capability: "c".to_owned(), ..Sheet::default() };
        for template in [PAGE, TICKET, SCENARIO] {
            for place in template.split("{{").skip(1).filter_map(|part| part.split_once("}}")).map(|(place, _)| place) {
                let simulation = Sheet { is_simulation: true, capability: "c".to_owned(), ..Sheet::default() };
                let known = [sheet.at(place), simulation.at(place)].iter().any(|text| !text.is_empty());
                let may_be_empty = ["options", "ticker", "asks", "bids"].contains(&place);
                assert!(known || may_be_empty, "{place}");
            }
        }
        assert!(!page(&sheet).contains("{{"));
    }

    #[test]
    fn the_ladder_has_the_best_prices_in_the_middle() {
        let asks = rows(&[(101, 5, 1), (102, 1_500, 2)], true);
        let (worse, best) = (asks.find("data-price=\"102\"").unwrap(), asks.find("data-price=\"101\"").unwrap());
        assert!(worse < best, "{asks}");
        assert!(asks.contains("<td>1,505</td>"), "{asks}");
    }

    #[test]
    fn numbers_have_commas() {
        assert_eq!([0, 999, 1_000, -1_234_567].map(grouped), ["0", "999", "1,000", "-1,234,567"]);
    }
}
