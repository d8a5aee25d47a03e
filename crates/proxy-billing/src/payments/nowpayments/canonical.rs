//! JSON as NOWPayments signs it: the keys of every object sorted, and no space between.
//!
//! Numbers and strings stay as they were written: a number that is read and written again may look otherwise, and then no
//! signature would match. Its documentation sorts in two ways that differ in lists, so that there are two forms of a text with some.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// How deep objects and lists may lie in each other.
const DEPTH_MAX: u32 = 16;

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    /// As one.
    Plain,
    /// As an object whose keys count from 0.
    Keyed,
}

/// The canonical form of a text; `None` when it is no JSON, or lies too deep. Of a key that comes twice the last value counts.
pub(super) fn canonical(json: &[u8], lists: Lists) -> Option<String> {
    let raw: &RawValue = serde_json::from_slice(json).ok()?;
    let mut out = String::with_capacity(json.len());
    write(raw.get().trim(), lists, &mut out, DEPTH_MAX)?;
    Some(out)
}

fn write(text: &str, lists: Lists, out: &mut String, depth: u32) -> Option<()> {
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
                write(value.get(), lists, out, deeper)?;
            }
            out.push('}');
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            let keyed = lists == Lists::Keyed;
            out.push(if keyed { '{' } else { '[' });
            for (n, item) in items.iter().enumerate() {
                separate(n, out);
                if keyed {
                    out.push_str(&format!("\"{n}\":"));
                }
                write(item.get(), lists, out, deeper)?;
            }
            out.push(if keyed { '}' } else { ']' });
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
            assert_eq!(canonical(json.as_bytes(), Lists::Plain).as_deref(), Some(expected), "{json}");
        }
        let keyed = canonical(br#"{"b":[7,[]],"a":[{"d":1,"c":2}]}"#, Lists::Keyed);
        assert_eq!(keyed.as_deref(), Some(r#"{"a":{"0":{"c":2,"d":1}},"b":{"0":7,"1":{}}}"#));
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        for json in ["", "{", "{}{}", r#"{"a":01}"#, r#"{"a":NaN}"#, "\u{feff}{}", &deep] {
            assert_eq!(canonical(json.as_bytes(), Lists::Plain), None, "{}", json.chars().take(9).collect::<String>());
        }
    }
}
