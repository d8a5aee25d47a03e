//! Two small agents, as anybody could run them: plain HTTP servers that take JSON and answer JSON.

use std::{io, net::TcpListener};

use actix_web::{
    App, HttpResponse, HttpServer, post,
    web::{Json, JsonConfig},
};
use serde_json::{Value, json};

use super::summarize::summarize;

/// How long a summary is, in sentences.
const SENTENCES: usize = 3;

#[post("/summarize")]
async fn summarizer(input: Json<Value>) -> HttpResponse {
    let Some(text) = input.get("text").and_then(Value::as_str) else {
        return HttpResponse::UnprocessableEntity().json(json!({"error": "expected {\"text\": …}"}));
    };
    let summary = summarize(text, SENTENCES);
    let length = |text: &str| text.split_whitespace().count();
    HttpResponse::Ok().json(json!({"summary": summary, "words_in": length(text), "words_out": length(&summary)}))
}

#[post("/echo")]
async fn echo(input: Json<Value>) -> HttpResponse {
    HttpResponse::Ok().json(input.into_inner())
}

/// Starts both on a free port, and returns where they are.
///
/// # Errors
/// When no port can be had.
pub fn start() -> io::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let server =
        HttpServer::new(|| App::new().app_data(JsonConfig::default().limit(1_048_576)).service(summarizer).service(echo))
            .workers(1)
            .disable_signals()
            .listen(listener)?;
    actix_web::rt::spawn(server.run());
    Ok(format!("http://{address}"))
}
