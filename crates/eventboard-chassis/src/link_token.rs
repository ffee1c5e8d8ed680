//! The token of a link in a mail, with which a user does something once. It is made of the link's ID, its seed, which is stored,
//! and a key, which is not. So neither a copy of the database nor the key alone yields a token.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::{
    signature::{Purpose, TextSigner, TextVerifier},
    token::TokenConfig,
};

/// The random bytes of a link.
pub type LinkSeed = [u8; 32];

/// Makes tokens. The key is derived from the secret that signs access tokens.
#[derive(Clone)]
pub struct LinkSigner(TextSigner);

/// Verifies tokens with the current and the previous secret.
#[derive(Clone)]
pub struct LinkVerifier(TextVerifier);

/// A token that a client sent. It may be forged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedLink {
    /// The link that it claims to be of.
    pub link_id: Uuid,
    signature: String,
}

impl LinkSigner {
    /// Creates a signer.
    pub fn new(config: &TokenConfig) -> Self {
        Self(TextSigner::new(&config.secret, Purpose::AccountLink))
    }

    /// Returns the token of a link: its ID, a dot, and the signature. It needs no escaping in a URL. `None` when signing
    /// fails, which is a defect.
    pub fn sign(&self, link_id: Uuid, seed: &LinkSeed) -> Option<String> {
        let signature = self.0.sign(&signed_text(link_id, seed))?;
        Some(format!("{link_id}.{signature}"))
    }
}

impl PresentedLink {
    /// Reads a token. `None` if it has not the form of one.
    pub fn parse(token: &str) -> Option<Self> {
        let (link_id, signature) = token.split_once('.')?;
        Some(Self { link_id: link_id.parse().ok()?, signature: signature.to_owned() })
    }
}

impl LinkVerifier {
    /// Creates a verifier.
    pub fn new(config: &TokenConfig) -> Self {
        Self(TextVerifier::new(config.secrets(), Purpose::AccountLink))
    }

    /// Whether the token was made for a link with this seed.
    pub fn is_genuine(&self, link: &PresentedLink, seed: &LinkSeed) -> bool {
        let PresentedLink { link_id, signature } = link;
        self.0.is_signed(&signed_text(*link_id, seed), signature)
    }
}

fn signed_text(link_id: Uuid, seed: &LinkSeed) -> String {
    format!("{link_id}.{}", URL_SAFE_NO_PAD.encode(seed))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn config(secret: &str, previous: Option<&str>) -> TokenConfig {
        TokenConfig {
            secret: secret.into(),
            previous: previous.map(Into::into),
            issuer: String::new(),
            audience: String::new(),
        }
    }

    fn is_genuine(config: &TokenConfig, token: &str, seed: LinkSeed) -> bool {
        PresentedLink::parse(token).is_some_and(|link| LinkVerifier::new(config).is_genuine(&link, &seed))
    }

    #[test]
    fn a_token_is_genuine_for_its_seed_also_after_a_rotation_of_the_secret() {
        let token =
            LinkSigner::new(&config("old", None)).sign(Uuid::from_u128(7), &[1; 32]).expect("a token");
        assert!(is_genuine(&config("old", None), &token, [1; 32]));
        assert!(is_genuine(&config("new", Some("old")), &token, [1; 32]));
        assert!(!is_genuine(&config("new", None), &token, [1; 32]));
        assert!(!is_genuine(&config("old", None), &token, [2; 32]));
    }

    proptest! {
        #[test]
        fn no_changed_bit_is_accepted(link: u128, seed: LinkSeed, position in 0..80_usize, bit in 0..7) {
            let config = config("a secret", None);
            let token = LinkSigner::new(&config).sign(Uuid::from_u128(link), &seed).expect("a token");
            prop_assert_eq!(token.len(), 80);
            let mut changed = token.clone().into_bytes();
            changed[position] ^= 1_u8 << bit;
            let changed = String::from_utf8(changed).expect("ASCII");
            // An ID in another letter case is the same ID.
            prop_assume!(!changed.eq_ignore_ascii_case(&token) || position > 36);
            prop_assert!(!is_genuine(&config, &changed, seed), "{}", changed);
        }
    }
}
