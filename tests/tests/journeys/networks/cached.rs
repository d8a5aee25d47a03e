//! Contexts that are kept in a real Redis.

use std::io::Write;

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::{join, message, network};
use crate::harness::{World, journeys, signed_in, text};

/// Where there may be a Redis.
fn address() -> String {
    std::env::var("RIALTO_TEST_REDIS").unwrap_or_else(|_| "127.0.0.1:6379".to_owned())
}

/// What Redis says to one command. `None` when there is none.
async fn ask(command: &str) -> Option<String> {
    let mut stream = BufReader::new(TcpStream::connect(address()).await.ok()?);
    stream.write_all(format!("{command}\r\n").as_bytes()).await.ok()?;
    let mut head = String::new();
    stream.read_line(&mut head).await.ok()?;
    let Some(length) = head.trim().strip_prefix('$') else { return Some(head) };
    let mut body = vec![0; length.parse().unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    String::from_utf8(body).ok()
}

async fn a_context_is_the_same_from_redis_and_from_the_database(world: &mut World) {
    if ask("PING").await.is_none() {
        assert!(std::env::var_os("CI").is_none(), "no Redis answers at {}", address());
        // Not by a macro: what those write is kept from whoever runs the tests.
        let _ = writeln!(std::io::stderr(), "skipped: no Redis answers at {}", address());
        return;
    }
    let ada = world.person("ada").await;
    let path = network(&ada, "mesh").await;
    let (a, b) = (join(&ada, &path, "a", None).await, join(&ada, &path, "b", None).await);
    let say = async |api: &crate::harness::Api, content: &str| {
        api.post(&format!("{path}/messages/send"), &message(&a, &b, content)).await.expect(201);
    };
    for n in 0..30 {
        say(&ada.api, &format!("{n} \u{fffd} \"ü\" \n")).await;
    }
    let read = format!("{path}/context?limit=20");
    let from_database = ada.api.get(&read).await.expect(200);
    let url = format!("--redis-url=redis://{}", address());
    world.restart_with(&[&url]).await;
    let api = signed_in(&world.stranger(), &ada.email).await;
    let key = format!("rialto:context:{}", path.rsplit('/').next().unwrap());
    for _ in 0..3 {
        assert_eq!(api.get(&read).await.expect(200), from_database);
    }
    assert!(ask(&format!("GET {key}")).await.unwrap().contains("29 "), "it was kept there");
    say(&api, "newer").await;
    let newer = api.get(&read).await.expect(200);
    assert_eq!(text(&newer["entries"][19]["content"]), "newer");
    assert_eq!(api.get(&read).await.expect(200), newer);
    // Whatever else is under that name is not believed.
    for nonsense in ["x", "{}", "[]"] {
        ask(&format!("SET {key} {nonsense}")).await.unwrap();
        assert_eq!(api.get(&read).await.expect(200), newer);
    }
    world.restart_with(&[]).await;
    let api = signed_in(&world.stranger(), &ada.email).await;
    assert_eq!(api.get(&read).await.expect(200), newer);
    assert_eq!(newer["entries"].as_array().map(Vec::len), Some(20));
    ask(&format!("DEL {key}")).await.unwrap();
}

journeys! {
    a_context_is_the_same_from_redis_and_from_the_database,
}
