//! JSON as NOWPayments signs it: the keys of every object sorted, and no space between.
//!
//! Numbers and strings stay as they were written: a number that is read and written again may look otherwise, and then no
//! signature would match.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// How deep objects and lists may lie in each other.
const DEPTH_MAX: u32 = 16;

/// The canonical form of a text; `None` when it is no JSON, or lies too deep. Of a key that comes twice the last value counts.
pub(super) fn canonical(json: &[u8]) -> Option<String> {
    let raw: &RawValue = serde_json::from_slice(json).ok()?;
    let mut out = String::with_capacity(json.len());
    write(raw.get().trim(), &mut out, DEPTH_MAX)?;
    Some(out)
}

fn write(text: &str, out: &mut String, depth: u32) -> Option<()> {
    let deeper = depth.checked_sub(1)?;
    match text.as_bytes().first()? {
        b'{' => {
            let entries: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
            // As JavaScript sorts: by UTF-16.
            let mut entries: Vec<(String, &RawValue)> = entries.into_iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (n, (key, value)) in entries.iter().enumerate() {
                separate(n, out);
                out.push_str(&serde_json::to_string(key).ok()?);
                out.push(':');
                write(value.get(), out, deeper)?;
            }
            out.push('}');
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                separate(n, out);
                write(item.get(), out, deeper)?;
            }
            out.push(']');
        }
        _ => out.push_str(text),
    }
    Some(())
}

fn separate(n: usize, out: &mut String) {
    if n > 0 {
        out.push(',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_everywhere_and_values_stay_as_they_are_written() {
        for (json, expected) in [
            (
                r#"{ "b" : 1.50, "a" : { "d": [ {"z":1, "y":2} , 3 ], "c": null } }"#,
                r#"{"a":{"c":null,"d":[{"y":2,"z":1},3]},"b":1.50}"#,
            ),
            (
                r#"{"n":1e-8,"m":0.00000001,"o":10.0,"p":12345678901234567890}"#,
                r#"{"m":0.00000001,"n":1e-8,"o":10.0,"p":12345678901234567890}"#,
            ),
            (r#"{"s":"a \/ \u00e9 } \" ,"}"#, r#"{"s":"a \/ \u00e9 } \" ,"}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            (r#"{"B":1,"a":2,"A":3}"#, r#"{"A":3,"B":1,"a":2}"#),
            ("{}", "{}"),
            (" [ ] ", "[]"),
        ] {
            assert_eq!(canonical(json.as_bytes()).as_deref(), Some(expected), "{json}");
        }
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        for json in ["", "{", "{}{}", r#"{"a":01}"#, r#"{"a":NaN}"#, "\u{feff}{}", &deep] {
            assert_eq!(canonical(json.as_bytes()), None, "{}", json.chars().take(9).collect::<String>());
        }
    }
}
