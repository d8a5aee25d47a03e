//! How the registry's words look in the document, and how a price is read.

use rialto_kernel::Amount;
use serde::{Deserialize, Deserializer, de};
use serde_json::Number;
use utoipa::openapi::{
    Object, ObjectBuilder,
    schema::{SchemaType, Type},
};

/// The words of `auth_type`.
pub fn auth_type() -> Object {
    let what =
        "What the endpoint asks of its callers. With anything but `public`, a credential has to be stored before the first call.";
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["public", "api_key", "bearer_token"]))
        .description(Some(what))
        .build()
}

/// The words of `pricing_strategy`.
pub fn pricing_strategy() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some([Some("fixed"), Some("dynamic"), Some("auction"), None]))
        .description(Some("How its price comes about."))
        .build()
}

/// Reads a price: whole credits, zero or more. Clients that count in floats write `5.0`; that is whole too.
pub fn price<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Amount>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(None) };
    let float = || number.as_f64().filter(|float| float.fract() == 0.0).and_then(|whole| format!("{whole:.0}").parse().ok());
    let whole = number.as_i64().or_else(float);
    let amount = whole.and_then(|whole| Amount::new(whole).ok());
    amount.map(Some).ok_or_else(|| de::Error::custom(format!("expected whole credits, 0 to {}, not {number}", Amount::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_whole_and_not_negative() {
        let read = |text: &str| price(&mut serde_json::Deserializer::from_str(text)).ok();
        for (text, credits) in [("0", 0), ("5", 5), ("5.0", 5), ("1e3", 1_000), ("9007199254740991", 9_007_199_254_740_991)] {
            assert_eq!(read(text), Some(Amount::new(credits).ok()), "{text}");
        }
        assert_eq!(read("null"), Some(None));
        for text in ["-1", "5.5", "\"5\"", "9007199254740992", "9223372036854775808", "1e300", "-0.5", "true", "[]"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_document_knows_all_words() {
        use rialto_registry::{AuthType, PricingStrategy};
        let known = |object: Object| object.enum_values.unwrap_or_default();
        assert!(known(auth_type()).iter().all(|word| AuthType::from_word(word.as_str().unwrap()).is_some()));
        let strategies = known(pricing_strategy());
        assert!(strategies.iter().filter_map(|word| word.as_str()).all(|word| PricingStrategy::from_word(word).is_some()));
    }
}
