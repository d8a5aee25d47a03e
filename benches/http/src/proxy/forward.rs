//! Passing on and nothing else: what the server's own client and HTTP server cost, without a key, a price or a record.

use std::{
    env,
    io::{self, BufRead, BufReader, Write},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    error::ErrorBadGateway,
    http::{StatusCode, header},
    web::{self, Bytes, Data},
};
use rialto_outbound::{ClientOptions, HeaderName, HeaderValue, Method, OutboundClient, OutboundRequest};

use crate::Result;

/// Larger answers are handed on as they come.
const WHOLE_BYTES: u64 = 64 * 1024;
/// Threads that answer, as many as the cores of the table.
const WORKERS: usize = 2;

/// The process that passes on; it is stopped when this is dropped.
pub struct Forward {
    /// `127.0.0.1:PORT`.
    pub address: String,
    child: Child,
}

impl Forward {
    /// Starts it, towards `upstream`.
    pub fn start(upstream: &str) -> Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(["--forward", upstream])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        BufReader::new(child.stdout.take().ok_or("it says nothing")?).read_line(&mut address)?;
        Ok(Self { address: address.trim().to_owned(), child })
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Is that process.
pub fn serve(upstream: String) -> Result<()> {
    let client = OutboundClient::new("127.0.0.1".parse()?, &ClientOptions::default())?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    let state = Data::new((client, upstream));
    let server = HttpServer::new(move || App::new().app_data(state.clone()).default_service(web::to(pass_on)));
    let server = server.workers(WORKERS).tcp_nodelay(true).listen(listener)?.run();
    Ok(actix_web::rt::System::new().block_on(server)?)
}

async fn pass_on(state: Data<(OutboundClient, String)>, request: HttpRequest, body: Bytes) -> actix_web::Result<HttpResponse> {
    let (client, upstream) = state.get_ref();
    let method = Method::from_bytes(request.method().as_str().as_bytes()).map_err(ErrorBadGateway)?;
    let mut sent = OutboundRequest::new(method, format!("http://{upstream}{}", request.uri()));
    for (name, value) in request.headers() {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).map_err(ErrorBadGateway)?;
        sent = sent.header(name, HeaderValue::from_bytes(value.as_bytes()).map_err(ErrorBadGateway)?);
    }
    let answer = client.send(sent.body(body)).await.map_err(ErrorBadGateway)?;
    let mut response = HttpResponse::build(StatusCode::from_u16(answer.status.as_u16()).map_err(ErrorBadGateway)?);
    let length = answer.headers.get("content-length").and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    for (name, value) in answer.headers.iter().filter(|(name, _)| name.as_str() != "content-length") {
        let name = header::HeaderName::from_bytes(name.as_str().as_bytes()).map_err(ErrorBadGateway)?;
        response.append_header((name, header::HeaderValue::from_bytes(value.as_bytes()).map_err(ErrorBadGateway)?));
    }
    if length.is_some_and(|length| length <= WHOLE_BYTES) {
        return Ok(response.body(answer.body.collect().await.map_err(ErrorBadGateway)?));
    }
    Ok(response.streaming(answer.body.into_stream()))
}
