//! What the broker's tests start from: owners with wallets, a small real agent that behaves as its path says, a broker.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use diesel::ExpressionMethods;
use rialto_kernel::{AgentId, Amount, Caller, Clock, CredentialKind, OwnerId, PageRequest, Role, Timestamp};
use rialto_ledger::wallet::{WalletError, WalletStore, open_user_wallet};
use rialto_outbound::{CallLimits, ClientOptions, OutboundClient};
use rialto_proxy_billing::{
    Broker, BrokerConfig, BrokerError, Idempotent, InvokeRequest, Invoked, Outcome, Payload, close_interrupted,
};
use rialto_registry::{Agent, AgentRef, CredentialCipher, NewAgent, register};
use rialto_store::{
    Db, StoreError, Tx,
    idempotency::{Key, Stored},
    on,
    testing::TestDb,
    types::{Uid, UtcTime},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Handle,
};

diesel::table! {
    use diesel::sql_types::*;
    use super::{Uid, UtcTime};
    owners (id) {
        id -> Uid,
        kind -> Text,
        external_id -> Nullable<Text>,
        created_at -> UtcTime,
    }
}

/// 2026-11-22, at noon.
pub const NOON: Timestamp = Timestamp::from_micros(1_795_348_800_000_000);
/// What a call may take in these tests.
pub const PATIENCE: Duration = Duration::from_secs(1);

pub struct World {
    pub db: Db,
    pub clock: Clock,
    pub cipher: CredentialCipher,
    pub broker: Broker,
    pub peer: Peer,
}

impl World {
    pub async fn new(test: &TestDb) -> Self {
        let (clock, cipher) = (Clock::fixed(NOON), CredentialCipher::new(&[7; 32]));
        let broker = Self::broker_of(&test.db, &clock, &cipher, 4_096);
        Self { db: test.db.clone(), clock, cipher, broker, peer: Peer::start().await }
    }

    /// A broker whose calls run on the runtime that this is called in.
    pub fn broker_of(db: &Db, clock: &Clock, cipher: &CredentialCipher, calls_max: u32) -> Broker {
        let client = OutboundClient::new("127.0.0.1".parse().unwrap(), &ClientOptions::default()).unwrap();
        let call = CallLimits { first_byte: PATIENCE, idle: PATIENCE, total: PATIENCE, response_bytes_max: 100_000 };
        let stream = CallLimits { total: Duration::from_secs(5), ..call };
        let config = BrokerConfig { call, stream, calls_max, ..BrokerConfig::default() };
        Broker::new(db.clone(), client, cipher.clone(), clock.clone(), config, Handle::current())
    }

    /// Somebody new, with this many credits.
    pub async fn somebody(&self, credits: i64) -> Caller {
        let owner = OwnerId::new();
        self.db
            .write(async move |tx: &mut Tx| {
                let row = (owners::id.eq(owner), owners::kind.eq("user"), owners::created_at.eq(NOON));
                on!(tx, conn => diesel::insert_into(owners::table).values(row).execute(conn).await)?;
                open_user_wallet(tx, owner, Amount::new(credits).unwrap(), NOON).await?;
                Ok::<_, WalletError>(())
            })
            .await
            .unwrap();
        Caller { owner, role: Role::Operator, credential: CredentialKind::Token, rate_limit_per_minute: None }
    }

    /// An agent whose endpoint is this path of the peer.
    pub async fn agent(&self, owner: &Caller, path: &str, price: i64) -> Agent {
        let endpoint = format!("http://{}{path}", self.peer.at);
        self.register(owner, NewAgent { endpoint, ..priced(price) }).await
    }

    pub async fn register(&self, owner: &Caller, new: NewAgent) -> Agent {
        let owner = *owner;
        self.db.write(async move |tx: &mut Tx| register(tx, &owner, &new, NOON).await).await.unwrap()
    }

    pub async fn invoke(&self, caller: &Caller, agent: &Agent, input: &str) -> Result<Outcome, BrokerError> {
        made(self.broker.invoke(*caller, request(agent, input), None).await)
    }

    pub async fn balance(&self, owner: &Caller) -> (i64, i64) {
        let owner = owner.owner;
        let found = self.db.read(async move |tx: &mut Tx| tx.find_user_account(owner).await).await;
        let account = found.unwrap().unwrap();
        (account.balance, account.held_out.get())
    }

    pub async fn earned(&self, agent: AgentId) -> i64 {
        let found = self.db.read(async move |tx: &mut Tx| tx.find_agent_account(agent).await).await.unwrap();
        found.map_or(0, |account| account.balance)
    }

    /// How many rows a query counts.
    pub async fn count(&self, sql: &'static str) -> i64 {
        #[derive(diesel::QueryableByName)]
        struct Count {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            n: i64,
        }
        let row: Result<Count, StoreError> =
            self.db.read(async move |tx: &mut Tx| on!(tx, conn => diesel::sql_query(sql).get_result(conn).await)).await;
        row.unwrap().n
    }

    /// What the server's periodic job does.
    pub async fn sweep(&self) -> (usize, usize) {
        let now = self.clock.now();
        self.db
            .write(async move |tx: &mut Tx| {
                let closed = close_interrupted(tx, render, now, 100).await?;
                let expired = rialto_ledger::expire_holds(tx, now, 100).await?.len();
                Ok::<_, BrokerError>((closed, expired))
            })
            .await
            .unwrap()
    }
}

pub fn priced(price: i64) -> NewAgent {
    NewAgent {
        name: "Echo Agent".to_owned(),
        description: "It says what it is told.".to_owned(),
        base_price: Some(Amount::new(price).unwrap()),
        pricing_enabled: price > 0,
        ..NewAgent::default()
    }
}

pub fn request(agent: &Agent, input: &str) -> InvokeRequest {
    InvokeRequest {
        agent: AgentRef::Id(agent.id),
        input: payload(input),
        conversation: None,
        message: None,
        external_user_id: None,
        share_payload: false,
        request_id: None,
        price_max: None,
        time_max: None,
    }
}

pub fn payload(input: &str) -> Payload {
    serde_json::from_str(input).unwrap()
}

pub fn made(invoked: Result<Invoked, BrokerError>) -> Result<Outcome, BrokerError> {
    invoked.map(|invoked| match invoked {
        Invoked::Made(outcome) => outcome,
        Invoked::Replayed(stored) => unreachable!("a replay: {stored:?}"),
    })
}

pub fn page(limit: i64, offset: i64) -> PageRequest {
    PageRequest::new(limit, offset, 500).unwrap()
}

/// What is kept under an idempotency key: enough to know one call from another.
pub fn render(outcome: &Outcome) -> Stored {
    Stored { status: 200, body: format!("{} {} {:?}", outcome.invocation, outcome.status_code, outcome.error) }
}

pub fn key(caller: &Caller, key: &str, fingerprint: u8) -> Option<Idempotent> {
    let scope = format!("{}/POST /broker/invoke", caller.owner);
    Some(Idempotent { key: Key { scope, key: key.to_owned(), fingerprint: vec![fingerprint] }, render })
}

/// Other people's agents: an HTTP server that behaves as the path says, and remembers what it was asked.
pub struct Peer {
    pub at: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (at, seen) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let log = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, log.clone()));
            }
        });
        Self { at, seen }
    }

    /// The requests so far, heads and bodies.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    pub fn calls(&self) -> usize {
        self.seen().len()
    }
}

async fn serve(mut stream: TcpStream, log: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = read(&mut stream).await {
        log.lock().unwrap().push(request.clone());
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let body = request.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
        let answer = match path.as_str() {
            "/echo" => whole(200, &format!(r#"{{"echo":{body}}}"#)),
            "/created" => whole(201, r#"{"summary":"made"}"#),
            "/array" => whole(200, "[1, 2.50]"),
            "/text" => whole(200, r#""hello""#),
            "/nul" => whole(200, r#"{"text":"a\u0000b"}"#),
            "/empty" => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            "/nothing" => whole(200, ""),
            "/html" => whole(200, "<html>"),
            "/strange" => whole(999, "{}"),
            "/long" => whole(200, &format!(r#"{{"text":"{}"}}"#, "x".repeat(90_000))),
            "/many-events" => streamed("text/event-stream", &["data: a\n\n"; 1_000]),
            "/teapot" => whole(418, r#"{"secret":"internal"}"#),
            "/moved" => "HTTP/1.1 302 Found\r\nlocation: /echo\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "/large" => whole(200, &format!("\"{}\"", "x".repeat(200_000))),
            "/half" => "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned(),
            "/slow" => {
                tokio::time::sleep(PATIENCE / 2).await;
                whole(200, r#"{"text":"at last"}"#)
            }
            "/never" => {
                tokio::time::sleep(PATIENCE * 20).await;
                return;
            }
            "/events" => streamed("text/event-stream", &["data: {\"text\":\"a\"}\n\n", "data: b\n\ndata: [DONE]\n\n"]),
            "/lines" => streamed("application/x-ndjson", &["{\"n\":1}\n", "{\"n\":2}\n"]),
            "/broken-events" => streamed("text/event-stream", &["data: a\n\n", "event: error\ndata: no\n\n"]),
            "/cut-events" => {
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99\r\n\r\ndata: a\n\n".to_owned()
            }
            _ => whole(404, "{}"),
        };
        if stream.write_all(answer.as_bytes()).await.is_err() || path == "/half" || path == "/cut-events" {
            return;
        }
    }
}

fn whole(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn streamed(kind: &str, pieces: &[&str]) -> String {
    let pieces: String = pieces.iter().map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len())).collect();
    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n{pieces}0\r\n\r\n")
}

/// One request, head and body; `None` when the connection is over.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut taken = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&taken).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
            if body.len() >= length {
                return Some(text);
            }
        }
        let mut piece = vec![0; 4096];
        match stream.read(&mut piece).await {
            Ok(read @ 1..) => taken.extend(piece.drain(..read)),
            _ => return None,
        }
    }
}
