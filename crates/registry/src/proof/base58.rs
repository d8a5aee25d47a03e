//! Base58 as Bitcoin writes it.

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// The longest text that is read: what is longer is no key.
const CHARS_MAX: usize = 128;

/// The bytes that this text stands for.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() > CHARS_MAX {
        return None;
    }
    // The least significant first.
    let mut bytes: Vec<u8> = Vec::new();
    for char in text.bytes() {
        let mut carry = u32::try_from(ALPHABET.iter().position(|one| *one == char)?).ok()?;
        for byte in &mut bytes {
            carry += u32::from(*byte) * 58;
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        while carry > 0 {
            bytes.push(carry.to_le_bytes()[0]);
            carry >>= 8;
        }
    }
    let zeros = text.bytes().take_while(|char| *char == b'1').count();
    bytes.extend(std::iter::repeat_n(0, zeros));
    bytes.reverse();
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_others_write_them() {
        for (text, hexadecimal) in [
            ("", ""),
            ("2g", "61"),
            ("a3gV", "626262"),
            ("2cFupjhnEsSn59qHXstmK2ffpLv2", "73696d706c792061206c6f6e6720737472696e67"),
            ("1NS17iag9jJgTHD1VXjvLCEnZuQ3rJDE9L", "00eb15231dfceb60925886b67d065299925915aeb172c06647"),
            ("1111111111", "00000000000000000000"),
        ] {
            assert_eq!(decode(text).map(hex::encode).as_deref(), Some(hexadecimal), "{text}");
        }
        for wrong in ["0", "O", "I", "l", "a b", "ü"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
        assert_eq!(decode(&"2".repeat(CHARS_MAX + 1)), None);
    }
}
