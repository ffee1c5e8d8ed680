//! Signatures of short texts with the secrets that sign tokens. The texts of each kind begin with words of their own, and no
//! token begins like one of them, so that a signature of one kind can never be used as another.

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey,
    crypto::{sign, verify},
};
use secrecy::{ExposeSecret, SecretString};

/// Signs texts with one secret.
#[derive(Clone)]
pub(crate) struct TextSigner(EncodingKey);

/// Verifies signatures of several secrets: the current one, and the previous one while it is rotated.
#[derive(Clone)]
pub(crate) struct TextVerifier(Vec<DecodingKey>);

impl TextSigner {
    pub(crate) fn new(secret: &SecretString) -> Self {
        Self(EncodingKey::from_secret(secret.expose_secret().as_bytes()))
    }

    /// Returns the signature, in characters that need no escaping in a URL. `None` when signing fails, which is a defect.
    pub(crate) fn sign(&self, text: &str) -> Option<String> {
        sign(text.as_bytes(), &self.0, Algorithm::HS256).ok()
    }
}

impl TextVerifier {
    pub(crate) fn new(keys: Vec<DecodingKey>) -> Self {
        Self(keys)
    }

    /// Whether one of the secrets has signed the text.
    pub(crate) fn is_signed(&self, text: &str, signature: &str) -> bool {
        self.0.iter().any(|key| verify(signature, text.as_bytes(), key, Algorithm::HS256).unwrap_or(false))
    }
}
