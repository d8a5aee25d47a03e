//! Agents are found by what they mean: over HTTP, with the model in the binary, with one behind HTTP, and with none.

use std::sync::{
    Arc,
    atomic::{AtomicU16, AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::harness::{Api, Kind, Person, Server, World, eventually, journeys, text};

const AGENTS: [(&str, &str); 4] = [
    ("Scribe", "Transcribes podcasts and labels the speakers"),
    ("Radiology", "Finds tumours in chest x-rays"),
    ("Thrift", "Finds unused cloud resources and estimates monthly savings"),
    ("Chef", "Suggests recipes for the ingredients in your fridge"),
];

async fn register(person: &Person, name: &str, description: &str) -> Value {
    let body = json!({"name": name, "description": description, "endpoint": "http://127.0.0.1:9/invoke", "tags": ["journey"]});
    person.api.post("/registry/agents", &body).await.expect(201)
}

async fn filled(world: &World) -> Person {
    let ada = world.person("ada").await;
    for (name, description) in AGENTS {
        register(&ada, name, description).await;
    }
    ada
}

async fn found(api: &Api, query: &str) -> Vec<String> {
    let path = format!("/registry/discover?rank_by=similarity_only&query={}", query.replace(' ', "+"));
    let found = api.get(&path).await.expect(200);
    found.as_array().unwrap().iter().map(|agent| text(&agent["name"])).collect()
}

async fn first(api: &Api, query: &str) -> Option<String> {
    found(api, query).await.into_iter().next()
}

/// Waits until a query finds this agent first.
async fn becomes_first(api: &Api, query: &str, name: &str) {
    let what = format!("{query:?} finds {name}");
    eventually(&what, async || (first(api, query).await.as_deref() == Some(name)).then_some(())).await;
}

async fn metric(api: &Api, name: &str) -> i64 {
    let metrics = api.get("/metrics").await.text();
    metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
        .unwrap_or_else(|| panic!("no {name} in {metrics}"))
}

async fn an_agent_is_found_by_its_words_at_once_and_by_its_meaning_soon(world: &mut World) {
    let ada = filled(world).await;
    let stranger = world.stranger();
    assert_eq!(first(&stranger, "podcast").await.as_deref(), Some("Scribe"), "by its words, right after it was registered");
    for (query, name) in [
        ("turn speech into text", "Scribe"),
        ("who can spot cancer on radiology scans", "Radiology"),
        ("cut my AWS bill", "Thrift"),
        ("cook dinner with leftovers", "Chef"),
    ] {
        becomes_first(&stranger, query, name).await;
    }
    eventually("all are in memory", async || (metric(&stranger, "rialto_discover_agents").await == 4).then_some(())).await;

    // What an agent is now is what it is found by.
    let mine = ada.api.get("/registry/my-agents").await.expect(200);
    let id = |name: &str| text(&mine.as_array().unwrap().iter().find(|agent| agent["name"] == name).unwrap()["id"]);
    let scribe = format!("/registry/agents/{}", id("Scribe"));
    ada.api.put(&scribe, &json!({"description": "Repairs bicycles", "name": "Mender"})).await.expect(200);
    assert_eq!(first(&stranger, "bicycles").await.as_deref(), Some("Mender"));
    becomes_first(&stranger, "fix the chain of my bike", "Mender").await;
    ada.api.put(&scribe, &json!({"is_active": false})).await.expect(200);
    assert!(!found(&stranger, "fix the chain of my bike").await.contains(&"Mender".to_owned()));
    ada.api.put(&scribe, &json!({"is_active": true})).await.expect(200);
    becomes_first(&stranger, "fix the chain of my bike", "Mender").await;
    ada.api.delete(&scribe).await.expect(204);
    assert_eq!(found(&stranger, "fix the chain of my bike").await.len(), 3, "a deleted agent is gone at once");
    assert_eq!(first(&stranger, " chef ").await.as_deref(), Some("Chef"), "the very name comes first");
}

async fn a_vector_that_was_not_made_when_the_server_died_is_made_by_the_next(world: &mut World) {
    let ada = world.person("ada").await;
    register(&ada, "Scribe", "Transcribes podcasts and labels the speakers").await;
    world.crash_and_restart_with(&[]).await;
    let stranger = world.stranger();
    assert_eq!(first(&stranger, "podcasts").await.as_deref(), Some("Scribe"));
    becomes_first(&stranger, "turn speech into text", "Scribe").await;
    // The vector outlives the process: the next one reads it, and makes none.
    world.restart_with(&[]).await;
    let stranger = world.stranger();
    becomes_first(&stranger, "turn speech into text", "Scribe").await;
    assert_eq!(metric(&stranger, "rialto_discover_agents_embedded").await, 0);
}

async fn every_replica_finds_what_any_of_them_embedded(world: &mut World) {
    // One SQLite file belongs to one server.
    if world.kind == Kind::Sqlite {
        return;
    }
    let mut replica = world.replica().await;
    filled(world).await;
    for api in [world.stranger(), replica.api()] {
        becomes_first(&api, "turn speech into text", "Scribe").await;
        becomes_first(&api, "cut my AWS bill", "Thrift").await;
    }
    replica.stop().await;
}

async fn without_an_embedder_agents_are_found_by_words(world: &mut World) {
    world.restart_with(&["--embedder=off"]).await;
    filled(world).await;
    let stranger = world.stranger();
    assert_eq!(found(&stranger, "recipes for podcasts").await.len(), 2);
    assert_eq!(found(&stranger, "turn speech into text").await, Vec::<String>::new());
    // Whatever was registered meanwhile is embedded as soon as there is one.
    world.restart_with(&[]).await;
    becomes_first(&world.stranger(), "turn speech into text", "Scribe").await;
}

async fn hostile_queries_are_answered_or_refused(world: &mut World) {
    filled(world).await;
    let stranger = world.stranger();
    becomes_first(&stranger, "turn speech into text", "Scribe").await;
    let (long, word) = ("summarize+the+report+".repeat(480), "x".repeat(10_000));
    let odd =
        ["%F0%9F%A6%80", "%5BSEP%5D+%5BCLS%5D", "%E7%BF%BB%E8%AF%91", "%22", "NEAR(", "%27%3B--", "%25", "the+of", "", "%20"];
    for query in odd.into_iter().chain([long.as_str(), word.as_str()]) {
        let found = stranger.get(&format!("/registry/discover?limit=50&query={query}")).await.expect(200);
        assert!(found.as_array().unwrap().len() <= AGENTS.len(), "{query}");
    }
    for query in [
        "query=%00",
        "query=a%00b",
        "query=x&limit=-1",
        "query=x&limit=0",
        "query=x&limit=51",
        "query=x&limit=99999999999999999999",
        "query=x&similarity_threshold=NaN",
        "query=x&similarity_threshold=inf",
        "query=x&similarity_threshold=-0.1",
        "query=x&similarity_threshold=2.1",
        "limit=5",
    ] {
        stranger.get(&format!("/registry/discover?{query}")).await.expect_problem(422);
    }
    assert_eq!(first(&stranger, "turn speech into text").await.as_deref(), Some("Scribe"));
}

/// A server that speaks as OpenAI's API does. Its vectors know bicycles from everything else.
struct Embeddings {
    base: String,
    status: Arc<AtomicU16>,
    dimensions: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
}

impl Embeddings {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1/", listener.local_addr().unwrap());
        let (status, dimensions) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicUsize::new(4)));
        let asked = Arc::new(AtomicUsize::new(0));
        let shared = (Arc::clone(&status), Arc::clone(&dimensions), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, shared.clone()));
            }
        });
        Self { base, status, dimensions, asked }
    }

    fn flags(&self) -> [String; 5] {
        [
            "--embedder=http".into(),
            format!("--embedder-url={}", self.base),
            "--embedder-model=bikes".into(),
            "--embedder-dimensions=4".into(),
            "--embedder-key=open sesame".into(),
        ]
    }
}

async fn answer(mut stream: TcpStream, (status, dimensions, asked): (Arc<AtomicU16>, Arc<AtomicUsize>, Arc<AtomicUsize>)) {
    let mut taken = Vec::new();
    loop {
        let request = String::from_utf8_lossy(&taken).into_owned();
        let parts = request.split_once("\r\n\r\n").map(|(head, body)| (head.to_ascii_lowercase(), body));
        let length = parts.as_ref().and_then(|(head, _)| head.split("content-length: ").nth(1)?.lines().next()?.parse().ok());
        let whole = parts.filter(|(_, body)| length.is_some_and(|length: usize| body.len() >= length));
        let Some((head, body)) = whole else {
            let mut piece = [0; 16_384];
            let Ok(read @ 1..) = stream.read(&mut piece).await else { return };
            taken.extend_from_slice(&piece[..read]);
            continue;
        };
        asked.fetch_add(1, Ordering::Relaxed);
        assert!(head.starts_with("post /v1/embeddings ") && head.contains("authorization: bearer open sesame"), "{head}");
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!((&body["model"], &body["encoding_format"]), (&json!("bikes"), &json!("float")));
        let size = dimensions.load(Ordering::Relaxed);
        let vector = |text: &str| {
            let place = if ["bike", "bicycle", "cycl"].iter().any(|word| text.contains(word)) { 1 } else { 0 };
            (0..size).map(|n| if n == place { 3.0 } else { 0.1 }).collect::<Vec<f64>>()
        };
        let texts = body["input"].as_array().unwrap().iter().enumerate();
        // From the last to the first: the index says which is which.
        let data = texts.map(|(index, text)| json!({"index": index, "embedding": vector(text.as_str().unwrap())})).rev();
        let answer = json!({"data": data.collect::<Vec<_>>(), "usage": {}}).to_string();
        let status = status.load(Ordering::Relaxed);
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", answer.len());
        if stream.write_all(&[head.as_bytes(), answer.as_bytes()].concat()).await.is_err() {
            return;
        }
        taken.clear();
    }
}

async fn an_embedder_behind_http_may_come_and_go(world: &mut World) {
    let embeddings = Embeddings::start().await;
    let ada = filled(world).await;
    becomes_first(&world.stranger(), "turn speech into text", "Scribe").await;

    // It is away: registrations go on, and agents are found by words.
    embeddings.status.store(503, Ordering::Relaxed);
    let flags = embeddings.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    world.restart_with(&flags).await;
    let stranger = world.stranger();
    let ada = crate::harness::signed_in(&stranger, &ada.email).await;
    let body = json!({"name": "Mender", "description": "Repairs bicycles", "endpoint": "http://127.0.0.1:9/invoke"});
    ada.post("/registry/agents", &body).await.expect(201);
    assert_eq!(found(&stranger, "repairs").await, ["Mender"], "by words alone");
    eventually("it has failed", async || (metric(&stranger, "rialto_discover_embedder_failures").await > 0).then_some(())).await;

    // It is back, and the vectors of the other model are made anew.
    embeddings.status.store(200, Ordering::Relaxed);
    becomes_first(&stranger, "cycling", "Mender").await;
    eventually("all have new vectors", async || (metric(&stranger, "rialto_discover_agents").await == 5).then_some(())).await;
    let asked = embeddings.asked.load(Ordering::Relaxed);
    assert_eq!(first(&stranger, "cycling").await.as_deref(), Some("Mender"));
    assert_eq!(embeddings.asked.load(Ordering::Relaxed), asked, "a query that was seen is not asked again");

    // Its answers are of the wrong size: of no use, and no harm.
    embeddings.dimensions.store(5, Ordering::Relaxed);
    let failures = metric(&stranger, "rialto_discover_embedder_failures").await;
    assert_eq!(found(&stranger, "repairs please").await, ["Mender"]);
    assert_eq!(metric(&stranger, "rialto_discover_embedder_failures").await, failures + 1);
    assert!(!stranger.get("/metrics").await.text().contains("rialto_jobs_dead 1"));
}

async fn an_embedder_that_is_not_described_keeps_the_server_from_starting(world: &mut World) {
    for (flags, names) in [
        (&["--embedder=http"][..], "--embedder-model"),
        (&["--embedder=http", "--embedder-model=m"], "--embedder-dimensions"),
        (&["--embedder=http", "--embedder-model=m", "--embedder-dimensions=4", "--embedder-url=file:///x"], "--embedder-url"),
    ] {
        let flags: Vec<&str> = ["--listen=127.0.0.1:0", "--jwt-secret=a secret of the test suite, long enough"]
            .into_iter()
            .chain(flags.iter().copied())
            .chain(["serve"])
            .collect();
        let log = Server::try_start(&world.place.url, &flags).await.err().expect("it starts");
        assert!(log.contains(names), "{log}");
    }
}

journeys! {
    an_agent_is_found_by_its_words_at_once_and_by_its_meaning_soon,
    a_vector_that_was_not_made_when_the_server_died_is_made_by_the_next,
    every_replica_finds_what_any_of_them_embedded,
    without_an_embedder_agents_are_found_by_words,
    hostile_queries_are_answered_or_refused,
    an_embedder_behind_http_may_come_and_go,
    an_embedder_that_is_not_described_keeps_the_server_from_starting,
}
