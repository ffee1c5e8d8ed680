//! Browser secrets: what a browser continues its session with.
//!
//! A secret is 256 random bits, and only its SHA-256 is stored. That is enough, because nobody can try so many secrets, so a copy of
//! the database yields none.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest, Sha256};

/// The bytes of a secret.
const BYTES: usize = 32;

/// The number of characters of a secret.
pub const BROWSER_SECRET_LENGTH: usize = (BYTES * 8).div_ceil(6);

/// What is stored of a secret.
pub type BrowserSecretHash = [u8; 32];

/// The secret of a browser session. Its `Debug` form does not show it.
#[derive(Debug)]
pub struct BrowserSecret(SecretBox<[u8; BYTES]>);

impl BrowserSecret {
    /// Makes another secret. A session gets no secret that a client chose.
    pub fn generate() -> Self {
        Self(SecretBox::new(Box::new(rand::random())))
    }

    /// Reads a secret that a client sent. `None` if it has not the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        Some(Self(SecretBox::new(Box::new(bytes))))
    }

    /// What is stored of the secret, and what its session is found with.
    pub fn hash(&self) -> BrowserSecretHash {
        Sha256::digest(self.0.expose_secret()).into()
    }

    /// The secret as the client keeps it.
    pub fn encode(&self) -> SecretString {
        URL_SAFE_NO_PAD.encode(self.0.expose_secret()).into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_secret_is_recognized_by_its_hash_and_is_never_shown() {
        let secret = BrowserSecret::generate();
        let text = secret.encode().expose_secret().to_owned();
        assert_eq!(text.len(), BROWSER_SECRET_LENGTH);
        assert_eq!(BrowserSecret::parse(&text).map(|again| again.hash()), Some(secret.hash()));
        assert!(!format!("{secret:?} {:?}", secret.encode()).contains(&text));
        assert_ne!(secret.hash(), BrowserSecret::generate().hash());
        assert_ne!(URL_SAFE_NO_PAD.encode(secret.hash()), text);
    }

    proptest! {
        #[test]
        fn any_other_text_is_no_secret(text in "\\PC{0,60}") {
            let is_secret = BrowserSecret::parse(&text).is_some();
            prop_assert!(!is_secret || text.len() == BROWSER_SECRET_LENGTH);
        }

        #[test]
        fn no_two_texts_are_the_same_secret(position in 0..BROWSER_SECRET_LENGTH, bit in 0..7) {
            let secret = BrowserSecret::generate();
            let mut changed = secret.encode().expose_secret().to_owned().into_bytes();
            changed[position] ^= 1_u8 << bit;
            let changed = String::from_utf8(changed).expect("ASCII");
            prop_assert_ne!(BrowserSecret::parse(&changed).map(|other| other.hash()), Some(secret.hash()));
        }
    }
}
