//! What a card of version 1.0 is made of, as far as its canonical text depends on it: which fields there are, and which of
//! them are left out when they say nothing.

use serde_json::{Map, Value};

/// What a field holds.
enum Field {
    /// Text that is left out when it is empty.
    Text,
    /// Text that may be absent, and may be empty.
    MaybeText,
    /// A flag that is left out when it is false.
    Flag,
    /// A flag that may be absent.
    MaybeFlag,
    /// A list of texts, left out when it is empty.
    Texts,
    /// An object of this shape.
    One(Shape),
    /// A list of them, left out when it is empty.
    Many(Shape),
    /// Objects of this shape by name, left out when there are none.
    Named(Shape),
    /// Texts by name, left out when there are none.
    NamedTexts,
    /// Any object.
    Free,
}

type Shape = &'static [(&'static str, Field)];

use Field::{Flag, Free, Many, MaybeFlag, MaybeText, Named, NamedTexts, One, Text, Texts};

const CARD: Shape = &[
    ("name", Text),
    ("description", Text),
    ("supportedInterfaces", Many(INTERFACE)),
    ("provider", One(PROVIDER)),
    ("version", Text),
    ("documentationUrl", MaybeText),
    ("capabilities", One(CAPABILITIES)),
    ("securitySchemes", Named(SCHEME)),
    ("securityRequirements", Many(REQUIREMENT)),
    ("defaultInputModes", Texts),
    ("defaultOutputModes", Texts),
    ("skills", Many(SKILL)),
    ("iconUrl", MaybeText),
];
const INTERFACE: Shape = &[("url", Text), ("protocolBinding", Text), ("tenant", Text), ("protocolVersion", Text)];
const PROVIDER: Shape = &[("url", Text), ("organization", Text)];
const CAPABILITIES: Shape = &[
    ("streaming", MaybeFlag),
    ("pushNotifications", MaybeFlag),
    ("extensions", Many(EXTENSION)),
    ("extendedAgentCard", MaybeFlag),
];
const EXTENSION: Shape = &[("uri", Text), ("description", Text), ("required", Flag), ("params", Free)];
const SKILL: Shape = &[
    ("id", Text),
    ("name", Text),
    ("description", Text),
    ("tags", Texts),
    ("examples", Texts),
    ("inputModes", Texts),
    ("outputModes", Texts),
    ("securityRequirements", Many(REQUIREMENT)),
];
const REQUIREMENT: Shape = &[("schemes", Named(SCOPES))];
const SCOPES: Shape = &[("list", Texts)];
const SCHEME: Shape = &[
    ("apiKeySecurityScheme", One(API_KEY)),
    ("httpAuthSecurityScheme", One(HTTP_AUTH)),
    ("oauth2SecurityScheme", One(OAUTH2)),
    ("openIdConnectSecurityScheme", One(OPEN_ID)),
    ("mtlsSecurityScheme", One(MUTUAL_TLS)),
];
const API_KEY: Shape = &[("description", Text), ("location", Text), ("name", Text)];
const HTTP_AUTH: Shape = &[("description", Text), ("scheme", Text), ("bearerFormat", Text)];
const OAUTH2: Shape = &[("description", Text), ("flows", One(FLOWS)), ("oauth2MetadataUrl", Text)];
const OPEN_ID: Shape = &[("description", Text), ("openIdConnectUrl", Text)];
const MUTUAL_TLS: Shape = &[("description", Text)];
const FLOWS: Shape = &[
    ("authorizationCode", One(FLOW)),
    ("clientCredentials", One(FLOW)),
    ("implicit", One(FLOW)),
    ("password", One(FLOW)),
    ("deviceCode", One(FLOW)),
];
/// All flows together: no two of them use one name for different things.
const FLOW: Shape = &[
    ("authorizationUrl", Text),
    ("tokenUrl", Text),
    ("refreshUrl", Text),
    ("deviceAuthorizationUrl", Text),
    ("scopes", NamedTexts),
    ("pkceRequired", Flag),
];

/// The card with the fields that version 1.0 knows, without those that say nothing and without its signatures.
pub(super) fn known(card: &Value) -> Value {
    shaped(card, CARD)
}

fn shaped(value: &Value, shape: Shape) -> Value {
    // What is of another kind stays, and spoils the signature, as it should.
    let Value::Object(given) = value else { return value.clone() };
    let kept = shape.iter().filter_map(|(name, field)| {
        let value = field_of(given.get(*name)?, field)?;
        Some(((*name).to_owned(), value))
    });
    Value::Object(kept.collect())
}

fn field_of(value: &Value, field: &Field) -> Option<Value> {
    let says_nothing = match field {
        Text => value.as_str() == Some(""),
        Flag => value == &Value::Bool(false),
        Texts | Many(_) => value.as_array().is_some_and(Vec::is_empty),
        Named(_) | NamedTexts => value.as_object().is_some_and(Map::is_empty),
        MaybeText | MaybeFlag | One(_) | Free => false,
    };
    if says_nothing || value.is_null() {
        return None;
    }
    Some(match (field, value) {
        (One(shape), _) => shaped(value, shape),
        (Many(shape), Value::Array(items)) => items.iter().map(|item| shaped(item, shape)).collect(),
        (Named(shape), Value::Object(fields)) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), shaped(value, shape))).collect())
        }
        _ => value.clone(),
    })
}

/// The value without empty texts, lists and objects anywhere; `None` when nothing is left.
pub(super) fn without_empty(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) => (!text.is_empty()).then(|| value.clone()),
        Value::Array(items) => {
            let items: Vec<Value> = items.iter().filter_map(without_empty).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Value::Object(fields) => {
            let kept = fields.iter().filter_map(|(name, value)| Some((name.clone(), without_empty(value)?)));
            let fields: Map<String, Value> = kept.collect();
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        Value::Bool(_) | Value::Number(_) => Some(value.clone()),
    }
}
