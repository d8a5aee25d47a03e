//! Bodies that are passed on while they arrive.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it")]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use rialto_outbound::{CallLimits, ClientOptions, Method, OutboundClient, OutboundError, OutboundRequest, Phase};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Reads one connection until `end` has arrived, then answers; keeps all it read.
async fn server(end: &'static str) -> (SocketAddr, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let taken = Arc::<Mutex<String>>::default();
    let kept = taken.clone();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut piece = [0; 65_536];
        while let Ok(length @ 1..) = stream.read(&mut piece).await {
            let text = {
                let mut kept = kept.lock().unwrap();
                kept.push_str(&String::from_utf8_lossy(piece.get(..length).unwrap()));
                kept.clone()
            };
            if text.ends_with(end) {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            }
        }
    });
    (at, taken)
}

fn slow(pieces: &'static [&'static str], pause: Duration) -> impl Stream<Item = Result<Bytes, String>> + Send {
    stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        Ok(Bytes::from_static(piece.as_bytes()))
    })
}

async fn post(
    at: SocketAddr,
    length: Option<u64>,
    pieces: impl Stream<Item = Result<Bytes, String>> + Send + 'static,
) -> Result<u16, OutboundError> {
    let client = OutboundClient::new("127.0.0.1".parse().unwrap(), &ClientOptions::default()).unwrap();
    let limits = CallLimits { first_byte: Duration::from_millis(200), total: Duration::from_secs(10), ..CallLimits::default() };
    let request = OutboundRequest::new(Method::POST, format!("http://{at}/up")).limits(limits).stream(length, pieces);
    Ok(client.fetch(request).await?.status.as_u16())
}

#[tokio::test]
async fn a_body_of_known_length_goes_out_with_it() {
    let (at, taken) = server("onetwo").await;
    assert_eq!(post(at, Some(6), slow(&["one", "two"], Duration::from_millis(1))).await, Ok(200));
    let taken = taken.lock().unwrap().to_lowercase();
    assert!(taken.contains("content-length: 6\r\n") && !taken.contains("transfer-encoding"), "{taken}");
}

#[tokio::test]
async fn a_body_of_unknown_length_goes_out_in_chunks_as_it_comes() {
    let (at, taken) = server("0\r\n\r\n").await;
    assert_eq!(post(at, None, slow(&["one", "two"], Duration::from_millis(1))).await, Ok(200));
    let taken = taken.lock().unwrap().clone();
    assert!(taken.contains("transfer-encoding: chunked\r\n") && !taken.contains("content-length"), "{taken}");
    assert!(taken.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"), "{taken}");
}

/// Longer than the time for the first byte, but never without a piece for so long.
#[tokio::test]
async fn a_long_upload_is_waited_for_while_it_moves() {
    let (at, _) = server("abcdefgh").await;
    let pieces = slow(&["a", "b", "c", "d", "e", "f", "g", "h"], Duration::from_millis(100));
    assert_eq!(post(at, Some(8), pieces).await, Ok(200));
}

#[tokio::test]
async fn an_upload_that_stands_still_is_given_up() {
    let (at, _) = server("never").await;
    let pieces = stream::iter([Ok(Bytes::from_static(b"a"))]).chain(stream::pending());
    assert_eq!(post(at, Some(5), pieces).await, Err(OutboundError::Timeout(Phase::FirstByte)));
}

#[tokio::test]
async fn whoever_sent_the_body_is_to_blame_for_its_faults() {
    let blamed = |result| assert!(matches!(result, Err(OutboundError::Upload(_))), "{result:?}");
    let broken = stream::iter([Ok(Bytes::from_static(b"a")), Err("the caller went away".to_owned())]);
    blamed(post(server("never").await.0, None, broken).await);
    blamed(post(server("never").await.0, Some(10), slow(&["short"], Duration::ZERO)).await);
    blamed(post(server("never").await.0, Some(3), slow(&["much", "longer"], Duration::ZERO)).await);
}
