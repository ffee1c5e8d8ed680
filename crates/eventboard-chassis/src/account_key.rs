//! Names of accounts that say nothing about their e-mail addresses: HMACs of them. Wrong passwords and mails that somebody asked for are
//! counted under these names, for addresses with and without an account alike.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use sha2::Sha256;

use crate::signature::Purpose;

/// The name of an account.
pub type AccountKey = [u8; 32];

/// Makes the names of accounts. A new secret makes other names, so the counters begin again when the secret is rotated. Until all
/// replicas have it, each of both secrets has counters of its own.
#[derive(Clone)]
pub struct AccountKeys {
    /// A secret, so the type is not `Debug`.
    key: [u8; 32],
}

impl AccountKeys {
    /// Derives the key from the secret that signs tokens.
    pub fn new(secret: &SecretString) -> Self {
        Self { key: Purpose::ThrottledAccount.key(secret) }
    }

    /// Returns the name of the account with an e-mail address, in the form in which addresses are compared.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    pub fn of(&self, compared_email: &str) -> AccountKey {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any length");
        mac.update(compared_email.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_one_name_for_each_secret() {
        let of = |secret: &str, email| AccountKeys::new(&secret.into()).of(email);
        assert_eq!(of("a", "ada@example.org"), of("a", "ada@example.org"));
        assert_ne!(of("a", "ada@example.org"), of("a", "bob@example.org"));
        assert_ne!(of("a", "ada@example.org"), of("b", "ada@example.org"));
    }
}
