//! Argon2id hashes in PHC string format.

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version, password_hash,
};
use secrecy::{ExposeSecret, SecretString};

/// 19 MiB, two passes, one lane: OWASP Password Storage Cheat Sheet, "Argon2id".
const CURRENT: Params = match Params::new(19 * 1024, 2, 1, None) {
    Ok(params) => params,
    Err(_) => panic!("parameters out of range"),
};

/// Makes and checks hashes, in the caller's thread. The default has the strength of all new hashes.
#[derive(Clone)]
pub struct Argon2id(Argon2<'static>);

impl Default for Argon2id {
    fn default() -> Self {
        Self::new(CURRENT)
    }
}

impl Argon2id {
    /// Makes hashes of the given strength.
    pub(crate) fn new(params: Params) -> Self {
        Self(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }

    /// A hash of the password with a new random salt.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn hash(&self, password: &SecretString) -> Result<String, password_hash::Error> {
        Ok(self.0.hash_password(password.expose_secret().as_bytes())?.to_string())
    }

    /// Whether the password belongs to the hash, whatever the hash's strength.
    pub(crate) fn verify(&self, password: &SecretString, hash: &str) -> Result<bool, password_hash::Error> {
        let hash = PasswordHash::new(hash).map_err(|_| password_hash::Error::EncodingInvalid)?;
        match self.0.verify_password(password.expose_secret().as_bytes(), &hash) {
            Ok(()) => Ok(true),
            Err(password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether new hashes are stronger than this one in any of their parameters.
    pub(crate) fn exceeds(&self, hash: &str) -> bool {
        let Ok(hash) = PasswordHash::new(hash) else { return true };
        let (Ok(old), new) = (Params::try_from(&hash), self.0.params()) else { return true };
        hash.version.is_none_or(|version| version < Version::V0x13.into())
            || old.m_cost() < new.m_cost()
            || old.t_cost() < new.t_cost()
            || old.p_cost() < new.p_cost()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(memory_kib: u32, passes: u32, lanes: u32) -> Argon2id {
        Argon2id::new(Params::new(memory_kib, passes, lanes, None).expect("parameters"))
    }

    fn hash(argon2id: &Argon2id) -> String {
        argon2id.hash(&"Password123!".into()).expect("a hash")
    }

    #[test]
    fn new_hashes_have_the_strength_that_owasp_asks_for() {
        assert!(hash(&Argon2id::default()).starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    }

    #[test]
    fn the_same_password_never_has_the_same_hash_twice() {
        let argon2id = of(64, 1, 1);
        assert_ne!(hash(&argon2id), hash(&argon2id));
    }

    #[test]
    fn a_hash_that_is_weaker_in_any_parameter_is_exceeded() {
        let middle = of(64, 2, 2);
        for (other, exceeded) in [
            (of(64, 2, 2), false),
            (of(128, 3, 3), false),
            (of(32, 3, 3), true),
            (of(128, 1, 3), true),
            (of(128, 3, 1), true),
        ] {
            assert_eq!(middle.exceeds(&hash(&other)), exceeded, "{other:?}", other = hash(&other));
        }
    }

    #[test]
    fn a_hash_of_another_strength_is_verified_with_its_own() {
        let weak = hash(&of(64, 1, 1));
        assert_eq!(Argon2id::default().verify(&"Password123!".into(), &weak), Ok(true));
        assert_eq!(Argon2id::default().verify(&"Password124!".into(), &weak), Ok(false));
    }
}
