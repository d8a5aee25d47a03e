//! `rialto demo`: the main job, end to end, through the public API.
#![expect(clippy::indexing_slicing, reason = "a JSON value at a name that is not there is null")]

mod agents;
mod client;
mod summarize;
mod table;

use std::{
    error::Error,
    io::{self, Write},
    net::TcpListener,
    sync::Arc,
    time::Duration,
};

use actix_web::web::Data;
use client::Client;
use rialto_store::DatabaseUrl;
use serde_json::{Value, json};

use super::stop::told_to_stop;
use crate::{
    compose::{self, App},
    config::{self, Flags, Settings},
    http::server,
};

/// What to show.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The text to summarize [default: a bundled one]
    text: Option<String>,
    /// End after the show instead of serving on
    #[arg(long)]
    exit: bool,
}

const BUNDLED: &str = include_str!("text.txt");
const QUERY: &str = "shorten a long article to its main points";
const PRICE_CREDITS: i64 = 25;

/// Runs the show.
///
/// # Errors
/// Whatever went wrong, readable.
pub fn run(args: &Args, flags: &Flags) -> Result<(), Box<dyn Error>> {
    let folder = Folder::new()?;
    let mut flags = flags.clone();
    flags.database_url = Some(DatabaseUrl::Sqlite(folder.0.join("demo.db")));
    flags.listen = Some(flags.listen.unwrap_or_else(|| ([127, 0, 0, 1], 0).into()));
    flags.outbound_allow = Some("127.0.0.1".into());
    flags.sandbox = Some(true);
    let settings = Settings::from_flags(&flags);
    let secrets = config::load_secrets(&flags, &settings.database_url)?;
    actix_web::rt::System::new().block_on(async {
        let listener = TcpListener::bind(settings.listen)?;
        let base = format!("http://{}", listener.local_addr()?);
        let app = Arc::new(App::start(settings, secrets).await?);
        let jobs = compose::jobs::start(&app);
        let server = server::start(Data::from(app), listener)?;
        let handle = server.handle();
        let serving = actix_web::rt::spawn(server);
        let agents = agents::start()?;
        let visit = async {
            show(&base, &agents, args.text.as_deref().unwrap_or(BUNDLED)).await?;
            if !args.exit {
                say(&format!("\nStill serving. Look around at {base}/docs (Ctrl-C ends).\n"))?;
                std::future::pending::<()>().await;
            }
            Ok::<_, Box<dyn Error>>(())
        };
        tokio::select! {
            seen = visit => seen?,
            _ = told_to_stop() => {}
        }
        handle.stop(true).await;
        serving.await??;
        jobs.stop(Duration::from_secs(5)).await;
        Ok(())
    })
}

async fn show(base: &str, agents: &str, text: &str) -> Result<(), Box<dyn Error>> {
    say("Rialto demo: two agents, a provider, a buyer, and an honest ledger.\n\n")?;
    step(1, &format!("The server is at {base}, its data in a throw-away SQLite file."))?;
    step(2, &format!("Two agents run at {agents}: a summarizer and an echo."))?;
    let stranger = Client::new(base)?;
    let provider = sign_up(&stranger, "provider@demo.example").await?;
    let buyer = sign_up(&stranger, "buyer@demo.example").await?;
    let before = (balance(&provider).await?, balance(&buyer).await?);
    step(3, &format!("A provider and a buyer have signed up, each with {} welcome credits.", before.1))?;

    let summarizer = json!({
        "name": "Summarizer", "endpoint": format!("{agents}/summarize"), "tags": ["text", "summary"],
        "description": "Summarizes an article: shortens long text to the main points.",
        "input_schema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
        "pricing_enabled": true, "base_price": PRICE_CREDITS,
    });
    let echo = json!({
        "name": "Echo", "endpoint": format!("{agents}/echo"), "tags": ["test"], "description": "Repeats what it is told.",
    });
    for agent in [summarizer, echo] {
        let registered = provider.post("/registry/agents", &agent).await?;
        let price = registered["base_price"].as_i64().map_or("free".to_owned(), |price| format!("{price} credits a call"));
        step(4, &format!("The provider has registered {} ({price}).", text_of(&registered, "agent_id")))?;
    }

    let found = stranger.get(&format!("/registry/discover?query={}&limit=3", QUERY.replace(' ', "%20"))).await?;
    let agent = found.get(0).ok_or("the search found nothing")?;
    step(5, &format!("The buyer searches for \"{QUERY}\" and finds {}.", text_of(agent, "agent_id")))?;

    let call = json!({"agent_id": agent["agent_id"], "input": {"text": text}});
    let answer = buyer.post("/broker/invoke", &call).await?;
    if answer["success"] != true {
        return Err(format!("the call failed: {answer}").into());
    }
    step(
        6,
        &format!("The buyer invokes it and is charged {} credits ({} ms).", answer["credits_charged"], answer["latency_ms"]),
    )?;
    say(&format!("\n  What it was given ({} words):\n{}", answer["data"]["words_in"], indent(text)))?;
    say(&format!(
        "\n  What it answered ({} words):\n{}",
        answer["data"]["words_out"],
        indent(text_of(&answer["data"], "summary"))
    ))?;
    books(&provider, &buyer, before).await
}

/// Shows both wallets and the entries in them.
async fn books(provider: &Client, buyer: &Client, before: (i64, i64)) -> Result<(), Box<dyn Error>> {
    let mut wallets = Vec::new();
    let mut entries = Vec::new();
    for (who, client, before) in [("buyer", buyer, before.1), ("provider", provider, before.0)] {
        let overview = client.get("/wallets/me/overview").await?;
        let mut mine = vec![(who.to_owned(), overview["wallet"]["id"].clone(), before, overview["wallet"]["balance"].clone())];
        for agent in overview["agent_wallets"].as_array().into_iter().flatten() {
            let name = format!("{who}'s {}", text_of(agent, "agent_name"));
            mine.push((name, agent["wallet_id"].clone(), 0, agent["balance"].clone()));
        }
        for (name, id, before, after) in mine {
            wallets.push(vec![name.clone(), before.to_string(), after.to_string()]);
            let id = id.as_str().unwrap_or_default();
            let history = client.get(&format!("/wallets/{id}/transactions")).await?;
            entries.extend(history.as_array().into_iter().flatten().map(|entry| entry_row(&name, entry)));
        }
    }
    say("\n  Wallets, in credits\n")?;
    say(&table::render(&[("wallet", false), ("before", true), ("after", true)], &wallets))?;
    say("\n  Ledger entries\n")?;
    entries.sort();
    let header =
        [("time (UTC)", false), ("wallet", false), ("type", false), ("amount", true), ("balance", true), ("description", false)];
    say(&table::render(&header, &entries))
}

fn entry_row(wallet: &str, entry: &Value) -> Vec<String> {
    let time = text_of(entry, "created_at").get(11..23).unwrap_or_default().to_owned();
    let amount = entry["amount"].as_i64().map_or_else(String::new, |amount| format!("{amount:+}"));
    let (kind, what) = (text_of(entry, "tx_type"), text_of(entry, "description"));
    vec![time, wallet.to_owned(), kind.to_owned(), amount, entry["balance_after"].to_string(), what.to_owned()]
}

async fn sign_up(stranger: &Client, email: &str) -> Result<Client, Box<dyn Error>> {
    let account = json!({"email": email, "password": "a demo needs no secrets"});
    stranger.post("/auth/register", &account).await?;
    let login = stranger.post("/auth/login", &account).await?;
    Ok(stranger.with_token(text_of(&login, "access_token")))
}

async fn balance(client: &Client) -> Result<i64, Box<dyn Error>> {
    Ok(client.get("/wallets/me").await?["balance"].as_i64().unwrap_or_default())
}

fn text_of<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn indent(text: &str) -> String {
    const WIDTH: usize = 96;
    let mut out = String::from("  │");
    let mut column = 0;
    for word in text.split_whitespace() {
        if column + word.chars().count() >= WIDTH {
            out.push_str("\n  │");
            column = 0;
        }
        out.push(' ');
        out.push_str(word);
        column += word.chars().count() + 1;
    }
    out.push('\n');
    out
}

fn step(number: u8, text: &str) -> Result<(), Box<dyn Error>> {
    say(&format!("{number}. {text}\n"))
}

fn say(text: &str) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// A folder that is gone when the demo is.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("rialto-demo-{}", rialto_kernel::Id::<()>::new()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
