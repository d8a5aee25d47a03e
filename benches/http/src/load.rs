//! The load: wrk, with a script of requests that are made beforehand.

use std::{fs, path::Path, process::Command};

use serde_json::json;

use crate::{
    Result,
    options::Options,
    seed::{Network, Person, Trader, World},
};

/// One kind of load.
pub struct Run {
    /// As in the table.
    pub name: &'static str,
    path: String,
    /// Requests to take turns with: a token and a body each. Empty for a plain GET.
    posts: Vec<(String, String)>,
}

impl Run {
    /// Posts to one path, each with a token and a body, in turns.
    pub fn post(name: &'static str, path: &str, posts: Vec<(String, String)>) -> Self {
        Self { name, path: path.to_owned(), posts }
    }
}

/// What came of a run.
pub struct Figures {
    /// Answers a second.
    pub per_second: f64,
    /// The median time to an answer.
    pub p50: String,
    /// The time that one answer of a hundred takes longer than.
    pub p99: String,
    /// What went wrong; empty when nothing did.
    pub wrong: String,
}

/// All runs, in the order of the table.
pub fn runs(world: &World) -> Vec<Run> {
    let get = |name, path: &str| Run { name, path: path.to_owned(), posts: Vec::new() };
    let next = || world.payers.iter().cycle().skip(world.payers.len() / 2);
    let pay = |(from, to): (&Person, &Person)| {
        let body = json!({"from_wallet_id": from.wallet, "to_wallet_id": to.wallet, "amount": 1});
        (from.token.clone(), body.to_string())
    };
    let call = |payer: &Person| {
        let body = json!({"agent_id": world.agent, "input": {"text": "a short question"}});
        (payer.token.clone(), body.to_string())
    };
    let transfers: Vec<_> = world.payers.iter().zip(next()).map(pay).collect();
    let send = |name, network: &Network| {
        Run::post(name, &network.path, network.messages.iter().map(|body| (network.token.clone(), body.clone())).collect())
    };
    vec![
        get("health", "/health"),
        get("agents", "/registry/agents?limit=20"),
        Run::post("transfer", "/wallets/transfer", transfers.clone()),
        Run::post("transfer-hot", "/wallets/transfer", transfers.into_iter().take(1).collect()),
        Run::post("invoke", "/broker/invoke", world.payers.iter().map(call).collect()),
        Run::post("order", "/market/orders", bids(world, 8)),
        Run::post("order-hot", "/market/orders", bids(world, 1)),
        send("message", &world.polled),
        send("message-pushed", &world.pushed),
    ]
}

/// Bids that rest and have their money held, spread over so many capabilities and over ten prices.
fn bids(world: &World, capabilities: usize) -> Vec<(String, String)> {
    let bid = |(n, trader): (usize, &Trader)| {
        let capability = format!("bench-{capabilities}-{}", n % capabilities);
        let body = json!({"agent_id": trader.agent, "side": "bid", "capability": capability, "price": 1 + n % 10, "quantity": 2});
        (trader.token.clone(), body.to_string())
    };
    world.traders.iter().enumerate().map(bid).collect()
}

/// Loads the server with one run.
pub fn measure(options: &Options, address: &str, run: &Run, folder: &Path) -> Result<Figures> {
    let mut wrk = Command::new("wrk");
    wrk.args(["--latency", "--timeout=10s"])
        .arg(format!("--threads={}", options.connections.clamp(1, 2)))
        .arg(format!("--connections={}", options.connections))
        .arg(format!("--duration={}s", options.seconds));
    if !run.posts.is_empty() {
        let script = folder.join(format!("{}.lua", run.name));
        fs::write(&script, lua(run))?;
        wrk.arg("--script").arg(script);
    }
    let output = wrk.arg(format!("http://{address}{}", run.path)).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("wrk failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let after = |start: &str| text.lines().find_map(|line| line.trim().strip_prefix(start)).map(|rest| rest.trim().to_owned());
    let wrong = [after("Non-2xx or 3xx responses:").map(|n| format!("{n} not 2xx")), after("Socket errors:")];
    let figure = |name: &str| after(name).ok_or_else(|| format!("wrk did not say {name}:\n{text}"));
    Ok(Figures {
        per_second: figure("Requests/sec:")?.parse()?,
        p50: figure("50%")?,
        p99: figure("99%")?,
        wrong: wrong.into_iter().flatten().collect::<Vec<_>>().join("; "),
    })
}

/// A script that sends the requests in turn, each thread from another place.
fn lua(run: &Run) -> String {
    let requests: String = run.posts.iter().map(|(token, body)| format!("  {{ [[{token}]], [[{body}]] }},\n")).collect();
    format!(
        r#"local posts = {{
{requests}}}
local requests, at = {{}}, 0
local threads = 0
function setup(thread)
  thread:set("first", threads * math.floor(#posts / 2))
  threads = threads + 1
end
function init()
  at = first
  for i, post in ipairs(posts) do
    local headers = {{ ["content-type"] = "application/json", ["authorization"] = "Bearer " .. post[1] }}
    requests[i] = wrk.format("POST", "{path}", headers, post[2])
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
"#,
        path = run.path
    )
}
