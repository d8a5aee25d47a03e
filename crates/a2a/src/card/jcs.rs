//! JSON in its canonical form, RFC 8785: the one text of a value that everybody who signs or checks it arrives at.

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// Integers beyond this have no exact `f64`, and so no form that all readers agree on.
const SAFE_INTEGER_MAX: u64 = (1 << 53) - 1;

/// The canonical text of `value`; `None` when a number in it has none.
///
/// Values come from a parser that bounds their depth, so this ends.
#[must_use]
pub fn canonical(value: &Value) -> Option<String> {
    let mut text = String::new();
    write(&mut text, value)?;
    Some(text)
}

fn write(text: &mut String, value: &Value) -> Option<()> {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Number(number) => text.push_str(&numeral(number)?),
        Value::String(string) => quote(text, string),
        Value::Array(items) => {
            text.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    text.push(',');
                }
                write(text, item)?;
            }
            text.push(']');
        }
        Value::Object(fields) => {
            // By UTF-16 code units, as ECMAScript sorts; that is not the order of the bytes.
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            text.push('{');
            for (n, (name, value)) in fields.into_iter().enumerate() {
                if n > 0 {
                    text.push(',');
                }
                quote(text, name);
                text.push(':');
                write(text, value)?;
            }
            text.push('}');
        }
    }
    Some(())
}

/// As serde_json escapes: the two that must be, and control characters, in lower case.
fn quote(text: &mut String, string: &str) {
    text.push_str(&Value::from(string).to_string());
}

/// A number as ECMAScript writes it.
fn numeral(number: &Number) -> Option<String> {
    let integer = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    if let Some(size) = integer {
        return (size <= SAFE_INTEGER_MAX).then(|| number.to_string());
    }
    let float = number.as_f64().filter(|float| float.is_finite())?;
    if float == 0.0 {
        return Some("0".to_owned());
    }
    // The shortest digits that read back as the same number, and the power of ten of the first: `1.25e-7`.
    let shortest = format!("{:e}", float.abs());
    let (mantissa, exponent) = shortest.split_once('e')?;
    let (digits, exponent) = (mantissa.replace('.', ""), exponent.parse::<i32>().ok()?);
    let sign = if float < 0.0 { "-" } else { "" };
    Some(format!("{sign}{}", laid_out(&digits, exponent)?))
}

/// ECMA-262, Number::toString: digits written out within a window of exponents, in exponential notation beyond it.
fn laid_out(digits: &str, exponent: i32) -> Option<String> {
    let count = i32::try_from(digits.len()).ok()?;
    // Where the point stands, counted from before the first digit.
    let point = exponent + 1;
    if count <= point && point <= 21 {
        let zeros = usize::try_from(point - count).ok()?;
        return Some(format!("{digits}{}", "0".repeat(zeros)));
    }
    if 0 < point && point <= 21 {
        let (whole, rest) = digits.split_at_checked(usize::try_from(point).ok()?)?;
        return Some(format!("{whole}.{rest}"));
    }
    if -6 < point && point <= 0 {
        return Some(format!("0.{}{digits}", "0".repeat(usize::try_from(-point).ok()?)));
    }
    let mut text = String::new();
    let (first, rest) = digits.split_at_checked(1)?;
    text.push_str(first);
    if !rest.is_empty() {
        text.push('.');
        text.push_str(rest);
    }
    write!(text, "e{}{}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs()).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_written_as_ecmascript_writes_them() {
        // From RFC 8785, appendix B, and its neighbours.
        for (given, written) in [
            ("0", "0"),
            ("-0.0", "0"),
            ("1.0", "1"),
            ("-5", "-5"),
            ("1.5", "1.5"),
            ("1e21", "1e+21"),
            ("1e20", "100000000000000000000"),
            ("123456789012345680000.0", "123456789012345680000"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("1.25e-7", "1.25e-7"),
            ("9007199254740991", "9007199254740991"),
            ("4.5e300", "4.5e+300"),
            ("333333333.33333329", "333333333.3333333"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ] {
            let value: Value = serde_json::from_str(given).unwrap();
            assert_eq!(canonical(&value).as_deref(), Some(written), "{given}");
        }
        assert_eq!(canonical(&json!(9_007_199_254_740_992_u64)), None);
    }

    #[test]
    fn names_are_sorted_by_utf_16_and_strings_escaped_once() {
        let value: Value =
            serde_json::from_str(r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"ö":7}"#).unwrap();
        assert_eq!(canonical(&value).unwrap(), "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}");
        let text = json!("\u{8}\t\n\u{c}\r\u{1f}\u{7f}\"\\/é");
        assert_eq!(canonical(&text).unwrap(), "\"\\b\\t\\n\\f\\r\\u001f\u{7f}\\\"\\\\/é\"");
        assert_eq!(canonical(&json!({"b": [true, null], "a": {}})).unwrap(), r#"{"a":{},"b":[true,null]}"#);
    }
}
