//! Reading a safetensors file that lies in memory: a length, a JSON head that says where each tensor is, and the tensors.

use serde_json::Value;

use super::ModelError;

/// A parsed file. Nothing is copied out of it before it is asked for.
pub(super) struct File {
    head: Value,
    body: &'static [u8],
}

impl File {
    /// Reads the head.
    pub(super) fn parse(bytes: &'static [u8]) -> Result<Self, ModelError> {
        let short = || ModelError::File("it is too short".into());
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(short)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| short())?;
        let (head, body) = rest.split_at_checked(length).ok_or_else(short)?;
        let head = serde_json::from_slice(head).map_err(|error| ModelError::File(error.to_string()))?;
        Ok(Self { head, body })
    }

    /// The size of the first dimension of a tensor.
    pub(super) fn rows(&self, name: &str) -> Result<usize, ModelError> {
        let rows = self.head.get(name).and_then(|tensor| tensor.get("shape")?.get(0)?.as_u64());
        rows.and_then(|rows| usize::try_from(rows).ok()).ok_or_else(|| ModelError::Tensor(format!("{name} is missing")))
    }

    fn bytes(&self, name: &str, kind: &str, size: Option<usize>) -> Result<&'static [u8], ModelError> {
        let wrong = |what: &str| ModelError::Tensor(format!("{name} {what}"));
        let tensor = self.head.get(name).ok_or_else(|| wrong("is missing"))?;
        if tensor.get("dtype").and_then(Value::as_str) != Some(kind) {
            return Err(wrong(&format!("is not {kind}")));
        }
        let offset = |at: usize| usize::try_from(tensor.get("data_offsets")?.get(at)?.as_u64()?).ok();
        let range = offset(0).zip(offset(1)).ok_or_else(|| wrong("is nowhere"))?;
        let bytes = self.body.get(range.0..range.1).ok_or_else(|| wrong("lies outside of the file"))?;
        if size.is_some_and(|size| size != bytes.len()) { Err(wrong("has the wrong size")) } else { Ok(bytes) }
    }

    /// A tensor of text.
    pub(super) fn text(&self, name: &str) -> Result<&'static str, ModelError> {
        let bytes = self.bytes(name, "U8", None)?;
        std::str::from_utf8(bytes).map_err(|_| ModelError::Tensor(format!("{name} is no text")))
    }

    /// A tensor of `count` signed bytes, two's complement.
    pub(super) fn int8(&self, name: &str, count: usize) -> Result<&'static [u8], ModelError> {
        self.bytes(name, "I8", Some(count))
    }

    /// A tensor of `count` numbers.
    pub(super) fn f32(&self, name: &str, count: usize) -> Result<Vec<f32>, ModelError> {
        let (numbers, _) = self.bytes(name, "F32", Some(count.saturating_mul(4)))?.as_chunks::<4>();
        Ok(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(head: &str, body: &[u8]) -> &'static [u8] {
        let length = u64::try_from(head.len()).unwrap().to_le_bytes();
        [length.as_slice(), head.as_bytes(), body].concat().leak()
    }

    #[test]
    fn what_is_no_model_is_refused_by_name() {
        for bytes in [&b""[..], &[1; 7], &[255; 64], tensor("{", b""), tensor("not json", b"")] {
            assert!(matches!(File::parse(bytes), Err(ModelError::File(_))), "{bytes:?}");
        }
        let head =
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
        let file = File::parse(tensor(head, &1.5_f32.to_le_bytes())).unwrap();
        assert_eq!(file.f32("a", 1), Ok(vec![1.5]));
        for (name, count) in [("a", 2), ("b", 1), ("c", 1)] {
            let error = file.f32(name, count).unwrap_err().to_string();
            assert!(error.contains(&format!("tensor {name} ")), "{error}");
        }
        assert!(file.int8("a", 4).is_err() && file.rows("c").is_err() && file.text("a").is_err());
    }
}
