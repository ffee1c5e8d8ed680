//! The format of an idempotency key.

/// The maximum length of a key, in characters.
const MAX_LENGTH: usize = 255;

/// Checks a client's `Idempotency-Key`: 1 to 255 printable ASCII characters.
///
/// # Errors
/// Returns a message for the caller if the format of the key is invalid.
pub fn check_idempotency_key(key: &[u8]) -> Result<&str, String> {
    let printable = key.iter().all(|byte| (b' '..=b'~').contains(byte));
    match std::str::from_utf8(key) {
        Ok(text) if printable && (1..=MAX_LENGTH).contains(&text.len()) => Ok(text),
        _ => Err(format!("must be 1 to {MAX_LENGTH} printable ASCII characters")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_1_to_255_printable_ascii_characters() {
        for (key, is_valid) in [
            (b"k".to_vec(), true),
            (b"order 66 / retry".to_vec(), true),
            (vec![b'x'; 255], true),
            (vec![b'x'; 256], false),
            (Vec::new(), false),
            (b"tab\there".to_vec(), false),
            ("schlüssel".as_bytes().to_vec(), false),
        ] {
            assert_eq!(check_idempotency_key(&key).is_ok(), is_valid, "{key:?}");
        }
    }
}
