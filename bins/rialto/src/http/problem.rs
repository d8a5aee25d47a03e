//! How a request is refused: `application/problem+json` of RFC 9457.

use std::{borrow::Cow, error::Error, fmt};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderName},
    },
};
use rialto_store::StoreError;
use serde::Serialize;
use serde_json::{Map, Value};

/// The slug of a refusal that is none: it may have been done.
pub const OUTCOME_UNKNOWN: &str = "outcome-unknown";

/// A refusal. `kind` is a stable slug that clients may branch on; `detail` is a sentence for people.
///
/// It is boxed: every handler's `Result` carries room for one.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    kind: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, String)>,
    request_id: Option<String>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// What is wrong with one field of the request.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Where: `body.amount`, `query.limit`, `path.wallet_id`.
    #[schema(example = "body.amount")]
    pub field: String,
    /// What is wrong with it.
    #[schema(example = "must be at least 1")]
    pub message: String,
}

/// `application/problem+json`, RFC 9457. Fields beyond these belong to the type of problem.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem, example = json!({"type": "not-found", "title": "Not found", "status": 404, "detail": "Agent not found", "request_id": "0198c0de-0000-7000-8000-000000000001"}))]
pub struct ProblemBody<'a> {
    /// A stable slug to branch on.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The slug, readable.
    pub title: String,
    /// The HTTP status, again.
    pub status: u16,
    /// What happened, for people. Always a string.
    pub detail: &'a str,
    /// What is wrong with which field; only when validation failed.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(inline)]
    pub errors: &'a [FieldError],
    /// The id to name when asking an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
    #[serde(flatten)]
    #[schema(ignore)]
    members: &'a Map<String, Value>,
}

impl Problem {
    /// A refusal with this status, slug and sentence.
    pub fn new(status: StatusCode, kind: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Parts {
            status,
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            members: Map::new(),
            headers: Vec::new(),
            request_id: None,
            cause: None,
        }))
    }

    /// 400: a rule of the business was broken.
    pub fn bad_request(kind: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, kind, detail)
    }

    /// 401: no credential, or one that proves nothing.
    pub fn unauthenticated(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "not-authenticated", detail)
    }

    /// 402: not enough money.
    pub fn payment_required(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::PAYMENT_REQUIRED, "insufficient-credits", detail)
    }

    /// 403: known, but not allowed.
    pub fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 404: no such thing, or none that the caller may know of.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// 409: it exists, but not in a state that allows this.
    pub fn conflict(kind: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, kind, detail)
    }

    /// 422: one field is not what it must be.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid_all(vec![FieldError { field: field.into(), message: message.into() }])
    }

    /// 400: one field breaks a rule, where the reference answers so.
    pub fn rule(field: impl Into<String>, message: impl Into<String>) -> Self {
        let mut problem = Self::invalid(field, message);
        problem.0.status = StatusCode::BAD_REQUEST;
        problem
    }

    /// The same, for a refusal with a slug of its own.
    pub fn named(mut self, kind: &'static str) -> Self {
        self.0.kind = kind;
        self
    }

    /// 422: something at `path` inside `place` is not what it must be. A field that is missing is named itself, not what
    /// it is missing from.
    pub fn misread(place: &str, path: &str, message: &str) -> Self {
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')).map(|(name, _)| name);
        let parts = [place, if path == "." { "" } else { path }, missing.unwrap_or_default()];
        let field = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
        Self::invalid(field, if missing.is_some() { "is required" } else { message })
    }

    /// 422: these fields are not what they must be.
    pub fn invalid_all(errors: Vec<FieldError>) -> Self {
        let detail = errors.iter().map(|e| format!("{}: {}", e.field, e.message)).collect::<Vec<_>>().join("; ");
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "validation-failed", detail);
        problem.0.errors = errors;
        problem
    }

    /// 500. The cause goes to the log, under the request's id, and nowhere else.
    pub fn internal(cause: impl Error + Send + Sync + 'static) -> Self {
        let mut problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal-error", "Something went wrong on our side.");
        problem.0.cause = Some(Box::new(cause));
        problem
    }

    /// When to try again, in seconds.
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, seconds.to_string())
    }

    /// Adds a header to the answer.
    pub fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }

    /// Adds a member of its own to the body.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.0.members.insert(name.to_owned(), value);
        self
    }

    /// When nobody knows whether it was done: under which id it was, if it was, and what to do about that. Any other refusal
    /// stays as it is.
    pub fn in_doubt(mut self, id: Option<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        if self.0.kind == OUTCOME_UNKNOWN {
            self.0.detail = detail.into();
            self.0.members.extend(id.map(|id| ("id".to_owned(), Value::String(id))));
        }
        self
    }

    /// Names the request, for a refusal that is rendered where the request is not known any more.
    pub fn for_request(mut self, id: &str) -> Self {
        self.0.request_id = Some(id.to_owned());
        self
    }

    /// The HTTP status.
    pub const fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What kind of refusal it is.
    pub const fn kind(&self) -> &'static str {
        self.0.kind
    }

    /// The refusal as a document.
    pub fn body<'a>(&'a self, request_id: Option<&'a str>) -> ProblemBody<'a> {
        ProblemBody {
            kind: self.0.kind,
            title: title(self.0.kind),
            status: self.0.status.as_u16(),
            detail: &self.0.detail,
            errors: &self.0.errors,
            request_id,
            members: &self.0.members,
        }
    }

    /// The refusal as a response, naming the request it answers.
    pub fn render(&self, request_id: Option<&str>) -> HttpResponse {
        let body = self.body(request_id);
        let mut response = HttpResponse::build(self.0.status);
        response.insert_header((header::CONTENT_TYPE, "application/problem+json"));
        for (name, value) in &self.0.headers {
            response.insert_header((name.clone(), value.as_str()));
        }
        if self.0.status == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        response.body(serde_json::to_string(&body).unwrap_or_default())
    }
}

/// `insufficient-credits` → `Insufficient credits`.
fn title(kind: &str) -> String {
    let words = kind.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.0.status.as_u16(), self.0.kind, self.0.detail)
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0.cause {
            Some(cause) => Some(&**cause),
            None => None,
        }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse {
        self.render(self.0.request_id.as_deref())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Timeout | StoreError::Again(_) => {
                let detail = "The database is busy or away. Nothing was done; try again.";
                let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "database-unavailable", detail).retry_after(1);
                problem.0.cause = Some(Box::new(error));
                problem
            }
            StoreError::Unknown(_) => {
                let detail = "It is not known whether this was done. If it had an Idempotency-Key, repeat it with the same one; \
                              if it had none, look first.";
                let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, OUTCOME_UNKNOWN, detail).retry_after(1);
                problem.0.cause = Some(Box::new(error));
                problem
            }
            StoreError::Unique(_)
            | StoreError::ForeignKey(_)
            | StoreError::Check(_)
            | StoreError::Corrupt(_)
            | StoreError::Panicked
            | StoreError::Schema(_)
            | StoreError::Database(_) => Self::internal(error),
        }
    }
}
