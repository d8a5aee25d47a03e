//! Bodies that take their time, or a lot of room.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    shop::{buyer, exchange, shop, status_of},
    upstream::{Part, Upstream, plain},
};
use crate::harness::{World, eventually, journeys};

/// 32 MiB, in pieces.
const LARGE: usize = 32 << 20;
const PIECE: usize = 64 << 10;

async fn large_answers_pass_whole_and_are_paid(world: &mut World) {
    let there = Upstream::start(|head, _| {
        let length =
            if head.contains("/chunked") { "transfer-encoding: chunked".to_owned() } else { format!("content-length: {LARGE}") };
        let mut parts = vec![Part::Bytes(format!("HTTP/1.1 200 X\r\n{length}\r\n\r\n").into_bytes())];
        let piece = vec![b'x'; PIECE];
        if head.contains("/chunked") {
            parts.push(Part::Repeat(LARGE / PIECE, [format!("{PIECE:x}\r\n").as_bytes(), &piece, b"\r\n"].concat()));
            parts.push(Part::Bytes(b"0\r\n\r\n".to_vec()));
        } else {
            parts.push(Part::Repeat(LARGE / PIECE, piece));
        }
        parts
    })
    .await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "1.00").await;
    for (n, path) in ["sized", "chunked"].into_iter().enumerate() {
        let answer = ann.api.with("idempotency-key", path).get(&format!("{}/{path}", shop.path)).await;
        assert_eq!((answer.status, answer.body.len()), (200, LARGE), "{path}");
        assert!(answer.body.iter().all(|byte| *byte == b'x'));
        assert_eq!(answer.header("x-acf-amount"), Some("0.05"));
        assert_eq!(ann.balance().await, (["0.95", "0.90"][n].to_owned(), "0.00".to_owned()), "it is whole, so it is paid");
        // It is too large to be kept, and is not bought twice.
        let again = ann.api.with("idempotency-key", path).get(&format!("{}/{path}", shop.path)).await;
        assert_eq!(again.expect_problem(409)["type"], "idempotent-answer-lost");
    }
    assert_eq!(there.calls(), 2);
}

async fn an_answer_that_breaks_off_later_is_broken_and_free(world: &mut World) {
    let there = Upstream::start(|head, _| {
        let chunk = [format!("{PIECE:x}\r\n").as_bytes(), &vec![b'x'; PIECE], b"\r\n"].concat();
        let sized = head.contains("/sized");
        let how = if sized { format!("content-length: {LARGE}") } else { "transfer-encoding: chunked".to_owned() };
        let body = if sized { vec![b'x'; PIECE] } else { chunk };
        vec![Part::Bytes(format!("HTTP/1.1 200 X\r\n{how}\r\n\r\n").into_bytes()), Part::Repeat(20, body), Part::Close]
    })
    .await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "1.00").await;
    for path in ["sized", "chunked"] {
        let request = format!("GET {}/{path} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n\r\n", shop.path, ann.bearer);
        let answer = exchange(world, request.as_bytes()).await;
        assert_eq!(status_of(&answer), 200, "{path}");
        assert!(!answer.ends_with(b"0\r\n\r\n") && answer.len() < LARGE, "{path}: it has no end");
        eventually("it is settled", async || (ann.last_usage().await["reason"] == "broken_answer").then_some(())).await;
        assert_eq!(ann.balance().await, ("1.00".to_owned(), "0.00".to_owned()), "{path}");
    }
}

async fn events_arrive_while_they_happen(world: &mut World) {
    let there = Upstream::answering(vec![
        Part::Bytes(b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()),
        Part::Bytes(b"9\r\ndata: a\n\n\r\n".to_vec()),
        Part::Wait(Duration::from_secs(3)),
        Part::Bytes(b"9\r\ndata: b\n\n\r\n0\r\n\r\n".to_vec()),
    ])
    .await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "1.00").await;
    let address = world.server.base().trim_start_matches("http://").to_owned();
    let request = format!("GET {} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n\r\n", shop.path, ann.bearer);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = String::new();
    let mut piece = [0; 4_096];
    while !heard.contains("data: a") {
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "{heard}");
        heard.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    assert!(!heard.contains("data: b"), "the first is here before the second happened");
    // Readers see what is set aside some milliseconds later than who spends it.
    let held = ("1.00".to_owned(), "0.05".to_owned());
    eventually("it is held, and not charged yet", async || (ann.balance().await == held).then_some(())).await;
    while !heard.ends_with("0\r\n\r\n") {
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "{heard}");
        heard.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    assert_eq!(ann.balance().await, ("0.95".to_owned(), "0.00".to_owned()), "its end was held back until it was paid");
}

async fn who_hangs_up_while_being_served_has_been_served(world: &mut World) {
    // A reader that is gone is noticed by what is written to it.
    let mut parts =
        vec![Part::Bytes(b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec())];
    for _ in 0..500 {
        parts.extend([Part::Bytes(b"9\r\ndata: a\n\n\r\n".to_vec()), Part::Wait(Duration::from_millis(100))]);
    }
    let there = Upstream::answering(parts).await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "1.00").await;
    let address = world.server.base().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\n\r\n", shop.path, ann.bearer);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut piece = [0; 4_096];
    let mut heard = String::new();
    while !heard.contains("data: a") {
        let read = stream.read(&mut piece).await.unwrap();
        heard.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    drop(stream);
    eventually("it is charged", async || (ann.balance().await == ("0.95".into(), "0.00".into())).then_some(())).await;
    let usage = ann.last_usage().await;
    assert_eq!((&usage["reason"], &usage["delivered"]), (&json!("buyer_left"), &json!(true)));
}

async fn large_requests_pass_and_too_large_ones_do_not(world: &mut World) {
    world.restart_with(&["--service-body-limit-bytes=8388608"]).await;
    let there = Upstream::start(|_, body| plain(200, "", body.len().to_string().as_bytes())).await;
    let shop = shop(world, "shop", &there.url, &json!({})).await;
    let ann = buyer(world, "ann", "1.00").await;
    for size in [0, 1, 262_144, 262_145, 8_388_608] {
        let answer = ann.api.send(Method::POST, &shop.path, Bytes::from(vec![7; size])).await;
        assert_eq!((answer.status, answer.text()), (200, size.to_string()));
        assert!(there.last().1.iter().all(|byte| *byte == 7));
    }
    ann.api.send(Method::POST, &shop.path, Bytes::from(vec![7; 8_388_609])).await.expect_problem(413);
    // One that does not say how large it will be.
    let head =
        format!("POST {} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ntransfer-encoding: chunked\r\n\r\n", shop.path, ann.bearer);
    let chunk = [format!("{PIECE:x}\r\n").as_bytes(), &vec![b'x'; PIECE], b"\r\n"].concat();
    let mut good = head.clone().into_bytes();
    (0..64).for_each(|_| good.extend_from_slice(&chunk));
    good.extend_from_slice(b"0\r\n\r\n");
    let answer = exchange(world, &good).await;
    assert!(String::from_utf8_lossy(&answer).ends_with("4194304"), "{}", String::from_utf8_lossy(&answer));
    let mut endless = head.into_bytes();
    (0..200).for_each(|_| endless.extend_from_slice(&chunk));
    let answer = exchange(world, &endless).await;
    assert!([413, 0].contains(&status_of(&answer)), "{}", String::from_utf8_lossy(&answer));
    eventually("nothing is held", async || (ann.balance().await == ("0.70".into(), "0.00".into())).then_some(())).await;
}

journeys! {
    large_answers_pass_whole_and_are_paid,
    an_answer_that_breaks_off_later_is_broken_and_free,
    events_arrive_while_they_happen,
    who_hangs_up_while_being_served_has_been_served,
    large_requests_pass_and_too_large_ones_do_not,
}
