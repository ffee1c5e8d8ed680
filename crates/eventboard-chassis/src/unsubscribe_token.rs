//! The token of the link with which a mail about a decision lets its reader switch off such mails (RFC 8058). It can do
//! nothing else and does not expire, because mails are read late.

use uuid::Uuid;

use crate::{
    signature::{Purpose, TextSigner, TextVerifier},
    token::TokenConfig,
};

/// Signs tokens. The key is derived from the secret that signs access tokens.
#[derive(Clone)]
pub struct UnsubscribeSigner(TextSigner);

/// Verifies tokens with the current and the previous secret.
#[derive(Clone)]
pub struct UnsubscribeVerifier(TextVerifier);

impl UnsubscribeSigner {
    /// Creates a signer.
    pub fn new(config: &TokenConfig) -> Self {
        Self(TextSigner::new(&config.secret, Purpose::UnsubscribeFromDecisions))
    }

    /// Returns the token of a user: the user's ID, a dot, and the signature. It needs no escaping in a URL. `None` when
    /// signing fails, which is a defect.
    pub fn sign(&self, user_id: Uuid) -> Option<String> {
        let signature = self.0.sign(&user_id.to_string())?;
        Some(format!("{user_id}.{signature}"))
    }
}

impl UnsubscribeVerifier {
    /// Creates a verifier.
    pub fn new(config: &TokenConfig) -> Self {
        Self(TextVerifier::new(config.secrets(), Purpose::UnsubscribeFromDecisions))
    }

    /// Returns the user of a token. `None` when the token is not genuine.
    pub fn verify(&self, token: &str) -> Option<Uuid> {
        let (user_id, signature) = token.split_once('.')?;
        self.0.is_signed(user_id, signature).then(|| user_id.parse().ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client_address::ClientSigner;

    fn config(secret: &str, previous: Option<&str>) -> TokenConfig {
        TokenConfig {
            secret: secret.into(),
            previous: previous.map(Into::into),
            issuer: String::new(),
            audience: String::new(),
        }
    }

    fn token(secret: &str) -> String {
        UnsubscribeSigner::new(&config(secret, None)).sign(Uuid::from_u128(7)).expect("a token")
    }

    #[test]
    fn a_token_names_its_user_also_after_a_rotation_of_the_secret() {
        let verify = |config| UnsubscribeVerifier::new(&config).verify(&token("old"));
        assert_eq!(verify(config("old", None)), Some(Uuid::from_u128(7)));
        assert_eq!(verify(config("new", Some("old"))), Some(Uuid::from_u128(7)));
        assert_eq!(verify(config("new", None)), None);
    }

    #[test]
    fn a_forged_token_is_refused() {
        let token = token("a");
        let (user_id, signature) = token.split_once('.').expect("a signature");
        let address = ClientSigner::new(&"a".into()).sign("203.0.113.7".parse().expect("an address"), None);
        let address = address.expect("a signature").address;
        let signature_of_address = address.to_str().expect("text").split_once(' ').expect("two parts").1;
        for forged in [
            String::new(),
            ".".to_owned(),
            user_id.to_owned(),
            format!("{user_id}."),
            format!("{}.{signature}", Uuid::from_u128(8)),
            format!("{}.{signature}", user_id.to_uppercase()),
            format!("{user_id}.{signature}x"),
            format!("{user_id}.{signature_of_address}"),
        ] {
            // All digits of this ID are the same in upper case.
            if forged != token {
                let verifier = UnsubscribeVerifier::new(&config("a", None));
                assert_eq!(verifier.verify(&forged), None, "{forged}");
            }
        }
    }
}
