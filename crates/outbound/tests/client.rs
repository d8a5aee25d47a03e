//! The client against small real servers that behave as badly as servers do.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it")]

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt, pin_mut};
use rialto_outbound::{
    CallLimits, ClientOptions, Method, OutboundClient, OutboundError, OutboundPolicy, OutboundRequest, Phase, UrlRefusal, header,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Serves each connection with `serve` and counts them.
async fn server<F, W>(serve: F) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Fn(TcpStream) -> W + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream));
        }
    });
    (at, connections)
}

/// Reads one request whose body has a `content-length`, and returns it as text.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut taken = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&taken).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
            if body.len() >= length {
                return Some(text);
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(1..) if taken.len() < 1 << 20 => taken.extend(piece.iter().take_while(|byte| **byte != 0)),
            _ => return None,
        }
    }
}

/// Answers every request on a connection with `answer` and what was asked.
async fn answer_always(mut stream: TcpStream, head: &'static str) {
    while let Some(request) = read_request(&mut stream).await {
        let answer = format!("{head}content-length: {}\r\n\r\n{request}", request.len());
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn answer_once(mut stream: TcpStream, answer: &'static str, then: Duration) {
    if read_request(&mut stream).await.is_some() {
        let _ = stream.write_all(answer.as_bytes()).await;
        tokio::time::sleep(then).await;
    }
}

fn client() -> OutboundClient {
    OutboundClient::new("127.0.0.1".parse().unwrap(), &ClientOptions::default()).unwrap()
}

fn get(at: SocketAddr) -> OutboundRequest {
    OutboundRequest::new(Method::GET, format!("http://{at}/"))
}

fn limits() -> CallLimits {
    CallLimits {
        first_byte: Duration::from_millis(300),
        idle: Duration::from_millis(300),
        total: Duration::from_secs(5),
        response_bytes_max: 1000,
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\n";
const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_call_goes_out_as_it_was_asked_and_connections_are_reused() {
    let (at, connections) =
        server(|stream| answer_always(stream, "HTTP/1.1 200 OK\r\nkeep-alive: timeout=5\r\nx-kept: 1\r\n")).await;
    let client = client();
    for _ in 0..20 {
        let request = OutboundRequest::new(Method::POST, format!("http://{at}/a/../%7eb?x=1&x=%2F&y={{}}"))
            .user_agent("Test/1")
            .header(header::CONNECTION, "x-secret".parse().unwrap())
            .header(header::HOST, "elsewhere".parse().unwrap())
            .text_header("X-Secret", "1")
            .unwrap()
            .text_header("X-Request-ID", "r1")
            .unwrap()
            .json("{\"a\":1}");
        let response = client.fetch(request).await.unwrap();
        assert_eq!((response.status.as_u16(), response.headers.contains_key("keep-alive")), (200, false));
        assert_eq!(response.headers["x-kept"], "1");
        let seen = String::from_utf8(response.body.to_vec()).unwrap().to_lowercase();
        assert!(seen.starts_with("post /a/../%7eb?x=1&x=%2f&y={} http/1.1\r\n"), "{seen}");
        for line in ["user-agent: test/1", "x-request-id: r1", "content-type: application/json", &format!("host: {at}")] {
            assert!(seen.contains(&format!("\r\n{line}\r\n")), "{line} in {seen}");
        }
        assert!(!seen.contains("x-secret") && seen.ends_with("{\"a\":1}"), "{seen}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_client_says_who_it_is_when_the_request_does_not() {
    let (at, _) = server(|stream| answer_always(stream, OK)).await;
    let seen = client().fetch(get(at)).await.unwrap().body;
    assert!(String::from_utf8_lossy(&seen).contains("user-agent: Rialto/1.0"));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (target, followed) = server(|stream| answer_always(stream, OK)).await;
    let answer: &'static str = format!("HTTP/1.1 302 Found\r\nlocation: http://{target}/\r\ncontent-length: 0\r\n\r\n").leak();
    let (at, _) = server(move |stream| answer_once(stream, answer, LONG)).await;
    let response = client().fetch(get(at)).await.unwrap();
    assert_eq!((response.status.as_u16(), followed.load(Ordering::SeqCst)), (302, 0));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let (at, _) = server(|stream| answer_once(stream, "", LONG)).await;
    let started = Instant::now();
    assert_eq!(client().fetch(get(at).limits(limits())).await.unwrap_err(), OutboundError::Timeout(Phase::FirstByte));
    let short = CallLimits { total: Duration::from_millis(100), ..limits() };
    assert_eq!(client().fetch(get(at).limits(short)).await.unwrap_err(), OutboundError::Timeout(Phase::Total));
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_server_that_stops_in_the_middle_is_given_up() {
    let (at, _) = server(|stream| answer_once(stream, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", LONG)).await;
    assert_eq!(client().fetch(get(at).limits(limits())).await.unwrap_err(), OutboundError::Timeout(Phase::Idle));
}

#[tokio::test]
async fn a_server_that_trickles_for_ever_is_given_up() {
    let trickle = async |mut stream: TcpStream| {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        while stream.write_all(b"1\r\nx\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (at, _) = server(trickle).await;
    let limits = CallLimits { total: Duration::from_millis(400), ..limits() };
    assert_eq!(client().fetch(get(at).limits(limits)).await.unwrap_err(), OutboundError::Timeout(Phase::Total));
}

#[tokio::test]
async fn a_peer_that_dies_is_a_protocol_error() {
    for answer in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", "garbage\r\n\r\n"] {
        let (at, _) = server(move |stream| answer_once(stream, answer, Duration::ZERO)).await;
        let error = client().fetch(get(at).limits(limits())).await.unwrap_err();
        assert!(matches!(error, OutboundError::Protocol(_)), "{answer:?}: {error:?}");
        assert_eq!(error.to_string(), "the connection broke off");
    }
}

#[tokio::test]
async fn an_answer_that_announces_too_much_is_not_read() {
    let (at, _) = server(|stream| answer_once(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n", LONG)).await;
    let started = Instant::now();
    assert_eq!(client().fetch(get(at).limits(limits())).await.unwrap_err(), OutboundError::TooLarge(1000));
    assert!(started.elapsed() < Duration::from_millis(250));
}

#[tokio::test]
async fn an_endless_answer_is_cut_at_the_limit() {
    let endless = async |mut stream: TcpStream| {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        while stream.write_all(b"5\r\nhello\r\n").await.is_ok() {}
    };
    let (at, _) = server(endless).await;
    assert_eq!(client().fetch(get(at).limits(limits())).await.unwrap_err(), OutboundError::TooLarge(1000));
}

#[tokio::test]
async fn an_endless_head_is_cut_too() {
    let endless = async |mut stream: TcpStream| {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await;
        while stream.write_all(&[b'x'; 1024]).await.is_ok() {}
    };
    let (at, _) = server(endless).await;
    assert!(matches!(client().fetch(get(at)).await.unwrap_err(), OutboundError::Protocol(_)));
}

#[tokio::test]
async fn pieces_arrive_as_they_are_sent() {
    let pieces = async |mut stream: TcpStream| {
        read_request(&mut stream).await;
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").await;
        for _ in 0..3 {
            let _ = stream.write_all(b"9\r\ndata: 1\n\n\r\n").await;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        let _ = stream.write_all(b"0\r\n\r\n").await;
    };
    let (at, _) = server(pieces).await;
    let started = Instant::now();
    let stream = client().send(get(at)).await.unwrap().body.into_stream();
    pin_mut!(stream);
    assert_eq!(stream.next().await.unwrap().unwrap(), "data: 1\n\n");
    assert!(started.elapsed() < Duration::from_millis(140), "the first piece waited for the others");
    assert_eq!(stream.count().await, 2);
}

#[tokio::test]
async fn nothing_is_sent_to_a_refused_address() {
    let (at, connections) = server(|stream| answer_always(stream, OK)).await;
    let public = OutboundPolicy::public_only().with_name("rebound.example", vec![at.ip()]);
    let client = OutboundClient::new(public, &ClientOptions::default()).unwrap();
    let port = at.port();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "localhost",
        "localhost.",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "rebound.example",
        "[::1]",
        "１２７.0.0.1",
    ] {
        let error = client.fetch(OutboundRequest::new(Method::GET, format!("http://{host}:{port}/"))).await.unwrap_err();
        assert_eq!(error, OutboundError::Refused(UrlRefusal::Private), "{host}");
        assert!(error.is_before_sending());
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_is_connected_to_at_the_allowed_one_of_its_addresses() {
    let (at, _) = server(|stream| answer_always(stream, OK)).await;
    let policy: OutboundPolicy = "127.0.0.1".parse().unwrap();
    let policy = policy.with_name("agent.example", vec!["10.0.0.1".parse().unwrap(), at.ip()]);
    let client = OutboundClient::new(policy, &ClientOptions::default()).unwrap();
    let url = format!("http://agent.example:{}/", at.port());
    assert_eq!(client.fetch(OutboundRequest::new(Method::GET, url)).await.unwrap().status.as_u16(), 200);
}

#[tokio::test]
async fn failures_to_connect_are_told_apart_and_tell_no_address() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = client().fetch(get(closed)).await.unwrap_err();
    assert!(matches!(&refused, OutboundError::Connect(detail) if detail.contains("127.0.0.1")), "{refused:?}");
    assert!(!refused.to_string().contains("127") && refused.is_before_sending());

    let unknown = client().fetch(OutboundRequest::new(Method::GET, "http://no-such-host.invalid/")).await.unwrap_err();
    assert!(matches!(unknown, OutboundError::Dns(_)), "{unknown:?}");

    // A listener that accepts nothing and whose queue is full lets nobody in; a TLS client that nobody greets waits too.
    let (silent, _) = server(|stream| answer_once(stream, "", LONG)).await;
    let options = ClientOptions { connect_timeout: Duration::from_millis(200), ..ClientOptions::default() };
    let client = OutboundClient::new("127.0.0.1".parse().unwrap(), &options).unwrap();
    let stuck = client.fetch(OutboundRequest::new(Method::GET, format!("https://{silent}/"))).await.unwrap_err();
    assert_eq!(stuck, OutboundError::Timeout(Phase::Connect));

    let (plain, _) = server(|stream| answer_once(stream, "HTTP/1.1 400 Bad\r\n\r\n", Duration::ZERO)).await;
    let no_tls = client.fetch(OutboundRequest::new(Method::GET, format!("https://{plain}/"))).await.unwrap_err();
    assert!(matches!(no_tls, OutboundError::Connect(_) | OutboundError::Timeout(Phase::Connect)), "{no_tls:?}");
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_replaced() {
    let (at, connections) =
        server(|stream| answer_once(stream, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Duration::ZERO)).await;
    let client = client();
    for _ in 0..5 {
        assert_eq!(client.fetch(get(at)).await.unwrap().status.as_u16(), 200);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(connections.load(Ordering::SeqCst), 5);
}
