//! JSON Schemas of what tools take and give, made of the types that the API is documented by.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{OpenApi, RefOr, Schema},
};

const COMPONENT: &str = "#/components/schemas/";

/// The schemas that others refer to.
pub struct Schemas(Map<String, Value>);

impl Schemas {
    /// Those of the API's document.
    pub fn of(document: &OpenApi) -> Self {
        let components = document.components.clone().unwrap_or_default();
        Self(components.schemas.into_iter().map(|(name, schema)| (name, plain(&schema))).collect())
    }

    /// An object whose members are the parameters of a query.
    pub fn parameters<T: IntoParams>(&self) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for parameter in T::into_params(|| None) {
            let mut schema = parameter.schema.as_ref().map_or_else(|| json!({}), plain);
            if let (Value::Object(schema), Some(text)) = (&mut schema, &parameter.description) {
                schema.insert("description".to_owned(), json!(text));
            }
            if matches!(parameter.required, utoipa::openapi::Required::True) {
                required.push(json!(parameter.name));
            }
            properties.insert(parameter.name, schema);
        }
        self.closed(json!({"type": "object", "properties": properties, "required": required}), Vec::new())
    }

    /// A type of the API, or of the tools alone.
    pub fn body<T: ToSchema>(&self) -> Value {
        let mut others = Vec::new();
        T::schemas(&mut others);
        self.closed(plain(&T::schema()), others)
    }

    /// The schema with all that it refers to inside of it. Its root is an object, as the protocol wants it.
    fn closed(&self, mut root: Value, others: Vec<(String, RefOr<Schema>)>) -> Value {
        let others: Map<_, _> = others.into_iter().map(|(name, schema)| (name, plain(&schema))).collect();
        let mut found = Map::new();
        let mut wanted = BTreeSet::new();
        tidy(&mut root, &mut wanted);
        while let Some(name) = wanted.pop_first() {
            if found.contains_key(&name) {
                continue;
            }
            let mut schema = others.get(&name).or_else(|| self.0.get(&name)).cloned().unwrap_or_else(|| json!({}));
            tidy(&mut schema, &mut wanted);
            found.insert(name, schema);
        }
        if let Value::Object(fields) = &mut root {
            fields.insert("type".to_owned(), json!("object"));
            if !found.is_empty() {
                fields.insert("$defs".to_owned(), Value::Object(found));
            }
        }
        root
    }
}

fn plain(schema: &RefOr<Schema>) -> Value {
    // What can be declared can be written.
    serde_json::to_value(schema).unwrap_or_else(|_| json!({}))
}

/// Takes out what only OpenAPI knows, and turns references to components into ones to `$defs`, whose names it gathers.
fn tidy(schema: &mut Value, wanted: &mut BTreeSet<String>) {
    let Value::Object(fields) = schema else { return };
    fields.remove("example");
    // Widths of numbers are no formats of JSON Schema.
    let is_width = |format: &Value| format.as_str().is_some_and(|format| format.starts_with("int") || format == "double");
    if fields.get("format").is_some_and(is_width) {
        fields.remove("format");
    }
    let name = fields.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix(COMPONENT)).map(str::to_owned);
    if let Some(name) = name {
        fields.insert("$ref".to_owned(), json!(format!("#/$defs/{name}")));
        wanted.insert(name);
    }
    for (key, inner) in fields {
        match (key.as_str(), inner) {
            ("properties", Value::Object(members)) => members.values_mut().for_each(|member| tidy(member, wanted)),
            ("items" | "additionalProperties" | "not", inner) => tidy(inner, wanted),
            ("allOf" | "oneOf" | "anyOf" | "prefixItems", Value::Array(parts)) => {
                parts.iter_mut().for_each(|part| tidy(part, wanted));
            }
            _ => {}
        }
    }
}

/// The members of an object's schema.
pub fn members(schema: &mut Value) -> Option<&mut Map<String, Value>> {
    schema.get_mut("properties").and_then(Value::as_object_mut)
}
