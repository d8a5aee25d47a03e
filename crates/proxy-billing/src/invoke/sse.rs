//! Cutting an agent's stream into pieces that mean something by themselves.

use bytes::Bytes;
use rialto_outbound::{HeaderMap, header};
use serde_json::{Value, json};

/// How an agent streams, told by the content type of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// `text/event-stream`: events, ended by an empty line.
    Events,
    /// `application/x-ndjson` and its other names: one JSON value a line.
    Lines,
    /// Any other text: pieces as they come.
    Text,
    /// Everything else is one answer, however it is cut on the wire.
    Whole,
}

impl Framing {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/event-stream" => Self::Events,
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/jsonlines" => Self::Lines,
            "text/json" | "text/html" => Self::Whole,
            text if text.starts_with("text/") => Self::Text,
            _ => Self::Whole,
        }
    }
}

/// One piece of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    /// What the agent says.
    Chunk(Value),
    /// The agent says that it failed.
    Failed,
}

/// Takes bytes as they come and gives pieces as they are complete. It holds no more than has come since the last piece.
#[derive(Debug)]
pub(super) struct Cutter {
    framing: Framing,
    rest: Vec<u8>,
    data: String,
    event: String,
    after_return: bool,
}

impl Cutter {
    pub(super) const fn new(framing: Framing) -> Self {
        Self { framing, rest: Vec::new(), data: String::new(), event: String::new(), after_return: false }
    }

    /// The pieces that these bytes complete.
    pub(super) fn push(&mut self, bytes: &Bytes) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if self.framing == Framing::Text {
            self.rest.extend_from_slice(bytes);
            pieces.extend(self.text());
            return pieces;
        }
        for byte in bytes {
            match byte {
                // A line ends in LF, CR, or both.
                b'\n' if self.after_return => {}
                b'\n' | b'\r' => {
                    let line = String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned();
                    pieces.extend(self.line(&line));
                }
                other => self.rest.push(*other),
            }
            self.after_return = *byte == b'\r';
        }
        pieces
    }

    /// What is left when the stream ends. An event without its empty line is not one, as the standard says.
    pub(super) fn finish(&mut self) -> Option<Piece> {
        let rest = std::mem::take(&mut self.rest);
        match self.framing {
            Framing::Lines => self.line(&String::from_utf8_lossy(&rest)),
            Framing::Text if !rest.is_empty() => Some(Piece::Chunk(json!({"text": String::from_utf8_lossy(&rest)}))),
            _ => None,
        }
    }

    /// All whole characters that have come.
    fn text(&mut self) -> Option<Piece> {
        let whole = match std::str::from_utf8(&self.rest) {
            Ok(_) => self.rest.len(),
            // Bytes that can never become a character are replaced; a character that is cut waits for the rest of it.
            Err(error) if error.error_len().is_some() => self.rest.len(),
            Err(error) => error.valid_up_to(),
        };
        let waiting = self.rest.split_off(whole);
        let text = std::mem::replace(&mut self.rest, waiting);
        (!text.is_empty()).then(|| Piece::Chunk(json!({"text": String::from_utf8_lossy(&text)})))
    }

    fn line(&mut self, line: &str) -> Option<Piece> {
        if self.framing == Framing::Lines {
            return (!line.trim().is_empty()).then(|| Piece::Chunk(value(line)));
        }
        let (field, text) = line.split_once(':').unwrap_or((line, ""));
        let text = text.strip_prefix(' ').unwrap_or(text);
        match field {
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(text);
            }
            "event" => text.clone_into(&mut self.event),
            "" if line.is_empty() => return self.dispatch(),
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Piece> {
        let (data, event) = (std::mem::take(&mut self.data), std::mem::take(&mut self.event));
        if event == "error" {
            return Some(Piece::Failed);
        }
        // Many language model servers say goodbye like this; it is no answer.
        (!data.is_empty() && data != "[DONE]").then(|| Piece::Chunk(value(&data)))
    }
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!({"text": text}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(framing: Framing, pieces: &[&[u8]]) -> Vec<Piece> {
        let mut cutter = Cutter::new(framing);
        let mut all: Vec<Piece> = pieces.iter().flat_map(|bytes| cutter.push(&Bytes::copy_from_slice(bytes))).collect();
        all.extend(cutter.finish());
        all
    }

    #[test]
    fn events_are_found_wherever_the_wire_cuts_them() {
        let stream = b": hi\r\nevent: x\r\ndata: {\"a\":1}\r\n\r\ndata: one\ndata: two\n\ndata:[1]\r\rdata: [DONE]\n\nid: 1\n\ndata: cut off";
        let expected = [json!({"a": 1}), json!({"text": "one\ntwo"}), json!([1])].map(Piece::Chunk);
        assert_eq!(cut(Framing::Events, &[stream]), expected);
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(cut(Framing::Events, &bytes), expected);
        assert_eq!(cut(Framing::Events, &[b"event: error\ndata: no\n\n"]), [Piece::Failed]);
    }

    #[test]
    fn lines_and_text_are_pieces_too() {
        let lines = cut(Framing::Lines, &[b"{\"a\":1}\n\n[2", b"]\r\n\"last\""]);
        assert_eq!(lines, [json!({"a": 1}), json!([2]), json!("last")].map(Piece::Chunk));
        let text = cut(Framing::Text, &["ü".as_bytes(), &"€".as_bytes()[..1], &"€".as_bytes()[1..], b"\xff"]);
        assert_eq!(text, ["ü", "€", "\u{fffd}"].map(|text| Piece::Chunk(json!({"text": text}))));
    }

    #[test]
    fn the_content_type_says_how_an_agent_streams() {
        for (kind, framing) in [
            ("text/event-stream; charset=utf-8", Framing::Events),
            ("application/x-ndjson", Framing::Lines),
            ("text/plain", Framing::Text),
            ("application/json", Framing::Whole),
            ("", Framing::Whole),
        ] {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]);
            assert_eq!(Framing::of(&headers), framing, "{kind}");
        }
    }
}
