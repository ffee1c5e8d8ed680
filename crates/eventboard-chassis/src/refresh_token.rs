//! Refresh tokens: the session's ID, a generation, and an HMAC over the session's seed and the generation.
//!
//! The seed is stored and the key is not, so neither a copy of the database nor the key alone yields a token. The token of
//! a generation is always the same, so a lost answer can be given again.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use sha2::Sha256;
use uuid::Uuid;

use crate::{signature::Purpose, token::TokenConfig};

/// The bytes of a token: the session's ID, the generation (big-endian), and the HMAC.
const BYTES: usize = 16 + 4 + 32;

/// The number of characters of a token.
pub const REFRESH_TOKEN_LENGTH: usize = (BYTES * 4).div_ceil(3);

/// The random bytes of a session.
pub type SessionSeed = [u8; 32];

/// The name of a key, which says nothing about the key. It is stored with a session.
pub type RefreshKeyName = [u8; 8];

/// What a refresh token is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenOrigin<'s> {
    /// The session.
    pub session_id: Uuid,
    /// The session's seed.
    pub seed: &'s SessionSeed,
    /// The generation.
    pub generation: i32,
}

/// A refresh token that a client sent. It may be forged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresentedToken {
    /// The session that it claims to be of.
    pub session_id: Uuid,
    /// The generation that it claims to be of.
    pub generation: i32,
    tag: [u8; 32],
}

/// Makes and recognizes refresh tokens, with keys that are derived from the current and the previous secret.
#[derive(Clone)]
pub struct RefreshKeys {
    current: RefreshKey,
    previous: Option<RefreshKey>,
}

#[derive(Clone)]
struct RefreshKey {
    name: RefreshKeyName,
    /// A secret, so the type is not `Debug`.
    bytes: [u8; 32],
}

impl PresentedToken {
    /// Reads a token. `None` if it has not the form of one.
    pub fn parse(token: &str) -> Option<Self> {
        let bytes: [u8; BYTES] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
        let (session_id, rest) = bytes.split_first_chunk::<16>()?;
        let (generation, tag) = rest.split_first_chunk::<4>()?;
        Some(Self {
            session_id: Uuid::from_bytes(*session_id),
            generation: i32::from_be_bytes(*generation),
            tag: tag.try_into().ok()?,
        })
    }
}

impl RefreshKeys {
    /// Derives the keys.
    pub fn new(config: &TokenConfig) -> Self {
        Self {
            current: RefreshKey::derive(&config.secret),
            previous: config.previous.as_ref().map(RefreshKey::derive),
        }
    }

    /// The name of the key that makes new tokens.
    pub fn current(&self) -> RefreshKeyName {
        self.current.name
    }

    /// Makes the token of a generation with the key of this name. `None` if the key is neither of the two.
    pub fn issue(&self, key: &RefreshKeyName, origin: TokenOrigin<'_>) -> Option<SecretString> {
        let key = self.keys().find(|known| known.name == *key)?;
        let TokenOrigin { session_id, seed: _, generation } = origin;
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend_from_slice(session_id.as_bytes());
        bytes.extend_from_slice(&generation.to_be_bytes());
        bytes.extend_from_slice(&key.mac(origin).finalize().into_bytes());
        Some(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// Whether the token was made with one of the keys for a session with this seed.
    pub fn is_genuine(&self, token: &PresentedToken, seed: &SessionSeed) -> bool {
        let PresentedToken { session_id, generation, tag } = *token;
        let origin = TokenOrigin { session_id, seed, generation };
        // Compares in constant time.
        self.keys().any(|key| key.mac(origin).verify_slice(&tag).is_ok())
    }

    fn keys(&self) -> impl Iterator<Item = &RefreshKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl RefreshKey {
    fn derive(secret: &SecretString) -> Self {
        let name = Purpose::RefreshKeyName.key(secret);
        let mut short = RefreshKeyName::default();
        short.copy_from_slice(&name[..8]);
        Self { name: short, bytes: Purpose::RefreshToken.key(secret) }
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, origin: TokenOrigin<'_>) -> Hmac<Sha256> {
        let TokenOrigin { session_id, seed, generation } = origin;
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.bytes).expect("any length");
        mac.update(session_id.as_bytes());
        mac.update(seed);
        mac.update(&generation.to_be_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    fn keys(secret: &str, previous: Option<&str>) -> RefreshKeys {
        RefreshKeys::new(&TokenConfig {
            secret: secret.into(),
            previous: previous.map(Into::into),
            issuer: String::new(),
            audience: String::new(),
        })
    }

    fn issue(keys: &RefreshKeys, session: u128, seed: SessionSeed, generation: i32) -> String {
        let origin = TokenOrigin { session_id: Uuid::from_u128(session), seed: &seed, generation };
        keys.issue(&keys.current(), origin).expect("the current key").expose_secret().to_owned()
    }

    fn is_genuine(keys: &RefreshKeys, token: &str, seed: SessionSeed) -> bool {
        PresentedToken::parse(token).is_some_and(|token| keys.is_genuine(&token, &seed))
    }

    #[test]
    fn a_token_is_recognized_as_long_as_its_secret_is_the_current_or_the_previous_one() {
        let token = issue(&keys("old", None), 7, [1; 32], 3);
        assert_eq!(PresentedToken::parse(&token).map(|token| token.generation), Some(3));
        assert!(is_genuine(&keys("old", None), &token, [1; 32]));
        assert!(is_genuine(&keys("new", Some("old")), &token, [1; 32]));
        assert!(!is_genuine(&keys("new", None), &token, [1; 32]));
        assert!(!is_genuine(&keys("old", None), &token, [2; 32]));
    }

    #[test]
    fn the_token_of_a_generation_is_made_again_with_the_key_of_its_name() {
        let (old, rotated) = (keys("old", None), keys("new", Some("old")));
        let origin = TokenOrigin { session_id: Uuid::from_u128(7), seed: &[1; 32], generation: 3 };
        let again = rotated.issue(&old.current(), origin).expect("the previous key");
        assert_eq!(again.expose_secret(), issue(&old, 7, [1; 32], 3));
        assert!(keys("newer", Some("new")).issue(&old.current(), origin).is_none());
    }

    #[test]
    fn no_two_tokens_are_alike() {
        let mut seen = HashSet::new();
        for secret in ["a", "b"] {
            for session in 0..10 {
                for generation in 1..10 {
                    for seed in 0..3 {
                        assert!(seen.insert(issue(&keys(secret, None), session, [seed; 32], generation)));
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_token_has_its_length_and_alphabet_and_no_changed_bit_is_accepted(
            session: u128, seed: SessionSeed, generation in 1..i32::MAX, position in 0..REFRESH_TOKEN_LENGTH, bit in 0..7
        ) {
            let keys = keys("a secret", None);
            let token = issue(&keys, session, seed, generation);
            prop_assert_eq!(token.len(), REFRESH_TOKEN_LENGTH);
            let is_url_safe = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
            prop_assert!(token.chars().all(is_url_safe));
            prop_assert!(is_genuine(&keys, &token, seed));

            let mut changed = token.into_bytes();
            changed[position] ^= 1_u8 << bit;
            let changed = String::from_utf8(changed).expect("ASCII");
            prop_assert!(!is_genuine(&keys, &changed, seed), "{}", changed);
        }

        #[test]
        fn any_other_text_is_no_token(text in "\\PC{0,90}") {
            prop_assert!(!is_genuine(&keys("a secret", None), &text, [0; 32]));
        }
    }
}
