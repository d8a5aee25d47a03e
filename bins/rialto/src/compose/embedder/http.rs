//! An embedder behind HTTP that speaks as OpenAI's API does: OpenAI itself, vLLM, Ollama, text-embeddings-inference.

use std::{error::Error, time::Duration};

use rialto_embeddings::{EmbedError, Embedder, Embedding, Language, Purpose, Vector};
use rialto_outbound::{
    CallLimits, CheckedUrl, ClientOptions, Method, OutboundClient, OutboundError, OutboundPolicy, OutboundRequest, WholeResponse,
};
use serde::{Deserialize, Serialize};

use crate::config::EmbedderSettings;

/// How long a query may wait for its vector; then agents are found by words.
const QUERY_WAIT: Duration = Duration::from_secs(3);
/// How long a batch of agents may take. Nobody waits for it.
const DOCUMENTS_WAIT: Duration = Duration::from_secs(30);
/// The most of an answer that is read for one text, in bytes: 4,096 numbers of 24 characters, and room for the rest.
const ANSWER_BYTES_PER_TEXT: u64 = 128 * 1_024;
/// The most characters of one text that are sent. Servers refuse texts longer than their model reads; 512 tokens of
/// English are some two thousand characters, and of other languages fewer.
const TEXT_CHARS_MAX: usize = 2_000;
/// How much of the server's refusal goes into the log, in characters.
const REFUSAL_CHARS: usize = 300;

/// A model on a server.
pub(super) struct HttpEmbedder {
    client: OutboundClient,
    url: String,
    /// What the server calls the model.
    name: String,
    /// What its vectors are kept under.
    model: String,
    dimensions: usize,
    authorization: Option<String>,
}

impl HttpEmbedder {
    /// The embedder that the settings name. The operator names its host, so that host may be called wherever it is; agents
    /// may still not be there.
    pub(super) fn new(settings: &EmbedderSettings) -> Result<Self, Box<dyn Error>> {
        let needs = |flag: &str| format!("--embedder=http needs {flag}");
        let name = settings.model.clone().filter(|name| !name.trim().is_empty()).ok_or_else(|| needs("--embedder-model"))?;
        let dimensions = settings.dimensions.ok_or_else(|| needs("--embedder-dimensions"))?;
        let url = format!("{}/embeddings", settings.url);
        let checked = CheckedUrl::parse(&url).map_err(|error| format!("--embedder-url {error}"))?;
        let policy: OutboundPolicy = checked.host().parse().map_err(|error| format!("--embedder-url: {error}"))?;
        let client = OutboundClient::new(policy, &ClientOptions::default())?;
        let model = format!("http/{name}/{dimensions}");
        let authorization = settings.key.as_ref().map(|key| format!("Bearer {}", key.expose()));
        Ok(Self { client, url, name, model, dimensions, authorization })
    }

    async fn ask(&self, texts: Vec<String>, purpose: Purpose) -> Result<Vec<Vector>, EmbedError> {
        let count = texts.len();
        let request = self.request(texts, purpose).map_err(|error| EmbedError::Unusable(error.detail().to_owned()))?;
        let response = self.client.fetch(request).await.map_err(|error| {
            tracing::debug!(%error, detail = error.detail(), "the embedder did not answer");
            EmbedError::Unavailable(error.to_string())
        })?;
        self.read(&response, count)
    }

    fn request(&self, texts: Vec<String>, purpose: Purpose) -> Result<OutboundRequest, OutboundError> {
        let wait = match purpose {
            Purpose::Query => QUERY_WAIT,
            Purpose::Document => DOCUMENTS_WAIT,
        };
        let room = u64::try_from(texts.len()).unwrap_or(u64::MAX).saturating_mul(ANSWER_BYTES_PER_TEXT);
        let limits = CallLimits { first_byte: wait, idle: wait, total: wait, response_bytes_max: room };
        let input = texts.iter().map(|text| sent(text)).collect();
        let body = Question { model: &self.name, input, encoding_format: "float" };
        let body = serde_json::to_vec(&body).map_err(|error| OutboundError::Request(error.to_string()))?;
        let request = OutboundRequest::new(Method::POST, self.url.as_str()).json(body).limits(limits);
        match &self.authorization {
            Some(authorization) => request.text_header("Authorization", authorization),
            None => Ok(request),
        }
    }

    /// The vectors in the order of the texts, whatever order they came in.
    fn read(&self, response: &WholeResponse, count: usize) -> Result<Vec<Vector>, EmbedError> {
        let status = response.status;
        if !status.is_success() {
            let said: String = String::from_utf8_lossy(&response.body).chars().take(REFUSAL_CHARS).collect();
            let why = format!("{status}: {}", said.escape_debug());
            return Err(match status.as_u16() {
                // What is wrong with the request can only be its texts: all else is the same in all requests.
                400 | 413 | 422 => EmbedError::Refused(why),
                429 | 500.. => EmbedError::Unavailable(why),
                _ => EmbedError::Unusable(why),
            });
        }
        let answer: Answer = serde_json::from_slice(&response.body).map_err(|error| EmbedError::Unusable(error.to_string()))?;
        let mut vectors: Vec<Option<Vector>> = vec![None; count];
        for item in answer.data {
            let size = item.embedding.len();
            if size != self.dimensions {
                return Err(EmbedError::Unusable(format!("a vector of {size} numbers, and not of {}", self.dimensions)));
            }
            let vector = Vector::new(item.embedding).ok_or_else(|| EmbedError::Refused("a vector without a direction".into()))?;
            let place = vectors.get_mut(item.index).ok_or_else(|| EmbedError::Unusable(format!("no text {}", item.index)))?;
            *place = Some(vector);
        }
        let missing = || EmbedError::Unusable("fewer vectors than texts".into());
        vectors.into_iter().collect::<Option<_>>().ok_or_else(missing)
    }
}

/// A text as it is sent: short enough, and never empty, which servers refuse.
fn sent(text: &str) -> &str {
    let cut = text.char_indices().nth(TEXT_CHARS_MAX).and_then(|(at, _)| text.get(..at)).unwrap_or(text);
    if cut.trim().is_empty() { "-" } else { cut }
}

impl Embedder for HttpEmbedder {
    fn model(&self) -> &str {
        &self.model
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Which languages a model knows is its operator's choice.
    fn language(&self, _: &str) -> Language {
        Language::Known
    }

    fn embed(&self, texts: Vec<String>, purpose: Purpose) -> Embedding<'_> {
        Box::pin(async move { if texts.is_empty() { Ok(Vec::new()) } else { self.ask(texts, purpose).await } })
    }
}

#[derive(Serialize)]
struct Question<'a> {
    model: &'a str,
    input: Vec<&'a str>,
    encoding_format: &'static str,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: usize,
    embedding: Vec<f32>,
}
