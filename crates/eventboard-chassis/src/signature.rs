//! Signatures of short texts. Their keys are derived from the secrets that sign tokens, one for each purpose, so that a
//! signature for one purpose can never be used for another one, nor as a token's.

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey,
    crypto::{sign, verify},
};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// What a signature is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// What a gateway says about its client.
    Client,
    /// The link that switches off mails about decisions.
    UnsubscribeFromDecisions,
    /// Refresh tokens.
    RefreshToken,
    /// The name of the key for refresh tokens, which is stored.
    RefreshKeyName,
    /// Links in mails with which a user does something once.
    AccountLink,
    /// The accounts for which passwords are counted.
    ThrottledAccount,
}

impl Purpose {
    /// The text from which the key is derived. Another text would be another key.
    fn label(self) -> &'static str {
        match self {
            Self::Client => "eventboard client v1",
            Self::UnsubscribeFromDecisions => "eventboard unsubscribe from decisions v1",
            Self::RefreshToken => "eventboard refresh token v1",
            Self::AccountLink => "eventboard account link v1",
            Self::RefreshKeyName => "eventboard refresh key name v1",
            Self::ThrottledAccount => "eventboard throttled account v1",
        }
    }

    /// Derives the key from a secret: the first block of HKDF-Expand with SHA-256 (RFC 5869, section 2.3).
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    pub(crate) fn key(self, secret: &SecretString) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).expect("any length");
        mac.update(self.label().as_bytes());
        mac.update(&[1]);
        mac.finalize().into_bytes().into()
    }
}

/// Signs texts with the key for one purpose.
#[derive(Clone)]
pub(crate) struct TextSigner(EncodingKey);

/// Verifies signatures for one purpose with several secrets: the current one, and the previous one while it is rotated.
#[derive(Clone)]
pub(crate) struct TextVerifier(Vec<DecodingKey>);

impl TextSigner {
    pub(crate) fn new(secret: &SecretString, purpose: Purpose) -> Self {
        Self(EncodingKey::from_secret(&purpose.key(secret)))
    }

    /// Returns the signature, in characters that need no escaping in a URL. `None` when signing fails, which is a defect.
    pub(crate) fn sign(&self, text: &str) -> Option<String> {
        sign(text.as_bytes(), &self.0, Algorithm::HS256).ok()
    }
}

impl TextVerifier {
    pub(crate) fn new<'s>(secrets: impl Iterator<Item = &'s SecretString>, purpose: Purpose) -> Self {
        Self(secrets.map(|secret| DecodingKey::from_secret(&purpose.key(secret))).collect())
    }

    /// Whether the text was signed with one of the secrets.
    pub(crate) fn is_signed(&self, text: &str, signature: &str) -> bool {
        self.0.iter().any(|key| verify(signature, text.as_bytes(), key, Algorithm::HS256).unwrap_or(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURPOSES: [Purpose; 2] = [Purpose::Client, Purpose::UnsubscribeFromDecisions];

    fn is_signed(secrets: &[&str], purpose: Purpose, text: &str, signature: &str) -> bool {
        let secrets: Vec<SecretString> = secrets.iter().map(|secret| (*secret).into()).collect();
        TextVerifier::new(secrets.iter(), purpose).is_signed(text, signature)
    }

    #[test]
    fn a_signature_is_valid_for_its_purpose_only() {
        for (signed_for, signer) in PURPOSES.iter().enumerate() {
            let signature = TextSigner::new(&"a".into(), *signer).sign("text").expect("a signature");
            for (verified_for, verifier) in PURPOSES.iter().enumerate() {
                let is_signed = |text| is_signed(&["a"], *verifier, text, &signature);
                assert_eq!(is_signed("text"), signed_for == verified_for);
                assert!(!is_signed("texts"));
            }
        }
    }

    #[test]
    fn a_signature_of_the_previous_secret_is_valid_and_one_of_the_secret_itself_is_not() {
        for purpose in PURPOSES {
            let signature = TextSigner::new(&"old".into(), purpose).sign("text").expect("a signature");
            assert!(is_signed(&["new", "old"], purpose, "text", &signature));
            assert!(!is_signed(&["new"], purpose, "text", &signature));
            let itself =
                sign(b"text", &EncodingKey::from_secret(b"a"), Algorithm::HS256).expect("a signature");
            assert!(!is_signed(&["a"], purpose, "text", &itself));
        }
    }
}
