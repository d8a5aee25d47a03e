//! Readable ids.

use rialto_kernel::AgentId;

/// The readable id of an agent with this name: `name-8hex`, where the eight digits are random bits of its id.
pub(crate) fn of(name: &str, id: AgentId) -> String {
    let mut slug = String::with_capacity(name.len().saturating_add(9));
    for char in name.chars().flat_map(char::to_lowercase) {
        if char.is_ascii_alphanumeric() {
            slug.push(char);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let stem = slug.trim_end_matches('-');
    let stem = if stem.is_empty() { "agent" } else { stem };
    let digits = id.uuid().simple().to_string();
    format!("{stem}-{}", digits.get(24..).unwrap_or(&digits))
}

/// Whether this is the readable id of a manifest: `agent:namespace:name:version`.
pub(crate) fn is_manifest_id(text: &str) -> bool {
    let is_part = |part: &str| {
        (1..=64).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let mut parts = text.split(':');
    parts.next() == Some("agent") && parts.clone().count() == 3 && parts.all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_the_name_and_eight_digits_of_the_id() {
        let id: AgentId = "0198c0de-0000-7000-8000-0123456789ab".parse().unwrap();
        for (name, slug) in [
            ("Echo Agent (x)", "echo-agent-x-456789ab"),
            ("  --Über 2.0!", "ber-2-0-456789ab"),
            ("翻译", "agent-456789ab"),
            ("K", "k-456789ab"),
        ] {
            assert_eq!(of(name, id), slug);
        }
    }

    #[test]
    fn manifest_ids_have_four_plain_parts() {
        assert!(is_manifest_id("agent:acme:summarizer:1.0.0"));
        for text in
            ["agent:a:b", "agent:a:b:c:d", "agent::b:1", "user:a:b:1", "agent:a b:c:1", "agent:a:b:ü", "", "agent:a/b:c:1"]
        {
            assert!(!is_manifest_id(text), "{text}");
        }
    }
}
