//! What is in the server before it is measured.

use serde_json::{Value, json};

use crate::{Result, client::call};

/// Agents in the registry, the echo agent included.
const AGENTS: usize = 200;
/// People who pay.
const PAYERS: usize = 64;
/// Participants of each network.
const PARTICIPANTS: usize = 32;
/// More than any run can spend.
const CREDITS: u64 = 1_000_000_000;

/// Somebody with credits.
pub struct Person {
    /// A token.
    pub token: String,
    /// The main wallet.
    pub wallet: String,
}

/// Somebody's agent, with plenty of credits.
pub struct Trader {
    /// A token of its owner.
    pub token: String,
    /// Its id.
    pub agent: String,
}

/// A network whose participants write to each other.
pub struct Network {
    /// Where messages are sent.
    pub path: String,
    /// Its owner's token.
    pub token: String,
    /// The bodies of messages, each from one participant to the next.
    pub messages: Vec<String>,
}

/// What the runs need to know.
pub struct World {
    /// Agents that trade on the market.
    pub traders: Vec<Trader>,
    /// People with plenty of credits.
    pub payers: Vec<Person>,
    /// The slug of the priced echo agent.
    pub agent: String,
    /// A network whose participants look for their messages.
    pub polled: Network,
    /// A network whose participants have callbacks.
    pub pushed: Network,
}

/// Fills the server at `address`; the priced agent is at `echo`.
pub fn fill(address: &str, echo: &str) -> Result<World> {
    let payers = (0..PAYERS).map(|n| person(address, n)).collect::<Result<Vec<_>>>()?;
    let provider = person(address, PAYERS)?;
    let mut agent = Value::Null;
    for n in 0..AGENTS {
        let body = json!({
            "name": format!("Agent {n}"),
            "description": format!("Answers questions of kind {n}; one of {AGENTS} agents that make the registry look used"),
            "endpoint": echo,
            "tags": [format!("kind-{}", n % 10), "bench"],
            "category": if n % 2 == 0 { "text" } else { "image" },
            "base_price": 1,
            "pricing_enabled": n == 0,
        });
        let made = call(address, "POST", "/registry/agents", Some(&provider.token), &body)?;
        if n == 0 {
            agent = made;
        }
    }
    let traders = payers.iter().map(|payer| trader(address, payer, echo)).collect::<Result<Vec<_>>>()?;
    let polled = network(address, &provider.token, None)?;
    let pushed = network(address, &provider.token, Some(echo))?;
    Ok(World { traders, payers, agent: text(&agent, "agent_id")?, polled, pushed })
}

fn trader(address: &str, owner: &Person, echo: &str) -> Result<Trader> {
    let body = json!({"name": "Trader", "description": "Trades on the market", "endpoint": echo});
    let agent = text(&call(address, "POST", "/registry/agents", Some(&owner.token), &body)?, "id")?;
    let wallet = call(address, "GET", &format!("/wallets/agent/{agent}"), Some(&owner.token), &Value::Null)?;
    let funds = json!({"from_wallet_id": owner.wallet, "to_wallet_id": text(&wallet, "id")?, "amount": CREDITS / 2});
    call(address, "POST", "/wallets/transfer", Some(&owner.token), &funds)?;
    Ok(Trader { token: owner.token.clone(), agent })
}

fn network(address: &str, token: &str, callback: Option<&str>) -> Result<Network> {
    let made = call(address, "POST", "/networks", Some(token), &json!({"name": "Bench"}))?;
    let path = format!("/networks/{}", text(&made, "id")?);
    let join = |n: usize| {
        let body = json!({"name": format!("p{n}"), "callback_url": callback, "polling_enabled": callback.is_none()});
        text(&call(address, "POST", &format!("{path}/participants"), Some(token), &body)?, "id")
    };
    let ids = (0..PARTICIPANTS).map(join).collect::<Result<Vec<_>>>()?;
    let message = |(from, to): (&String, &String)| {
        json!({"sender_participant_id": from, "recipient_participant_id": to, "content": "a short message to somebody"})
            .to_string()
    };
    let messages = ids.iter().zip(ids.iter().cycle().skip(1)).map(message).collect();
    Ok(Network { path: format!("{path}/messages/send"), token: token.to_owned(), messages })
}

fn person(address: &str, n: usize) -> Result<Person> {
    let account = json!({"email": format!("person{n}@example.com"), "password": "correct horse battery staple"});
    call(address, "POST", "/auth/register", None, &account)?;
    let token = text(&call(address, "POST", "/auth/login", None, &account)?, "access_token")?;
    let wallet = text(&call(address, "GET", "/wallets/me", Some(&token), &Value::Null)?, "id")?;
    call(address, "POST", &format!("/wallets/{wallet}/credit"), Some(&token), &json!({"amount": CREDITS}))?;
    Ok(Person { token, wallet })
}

fn text(value: &Value, key: &str) -> Result<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("no {key} in {value}").into())
}
