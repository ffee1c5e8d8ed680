//! Argon2id hashes in PHC string format.

use std::sync::{Arc, Mutex, PoisonError};

use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, Version,
    password_hash::{
        self, CustomizedPasswordHasher, PasswordHasher, PasswordVerifier,
        phc::{Output, ParamsString, Salt},
    },
};
use secrecy::{ExposeSecret, SecretString};

/// 19 MiB, two passes, one lane: OWASP Password Storage Cheat Sheet, "Argon2id".
const CURRENT: Params = match Params::new(19 * 1024, 2, 1, None) {
    Ok(params) => params,
    Err(_) => panic!("parameters out of range"),
};

/// Makes and checks hashes, in the caller's thread. The default has the strength of all new hashes.
#[derive(Clone)]
pub struct Argon2id {
    params: Params,
    memory: Memory,
}

/// The memory of hashes that are done, for the next ones: as many pieces as were ever in use at once. The allocator would
/// fetch and clear 19 MiB for each hash, or keep them for every thread that ever computed one.
#[derive(Clone)]
struct Memory {
    blocks: usize,
    free: Arc<Mutex<Vec<Vec<Block>>>>,
}

impl Default for Argon2id {
    fn default() -> Self {
        Self::new(CURRENT)
    }
}

impl Argon2id {
    /// Makes hashes of the given strength.
    pub(crate) fn new(params: Params) -> Self {
        let memory = Memory { blocks: params.block_count(), free: Arc::default() };
        Self { params, memory }
    }

    /// A hash of the password with a new random salt.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn hash(&self, password: &SecretString) -> Result<String, password_hash::Error> {
        Ok(self.hash_password(password.expose_secret().as_bytes())?.to_string())
    }

    /// Whether the password belongs to the hash, whatever the hash's strength.
    pub(crate) fn verify(&self, password: &SecretString, hash: &str) -> Result<bool, password_hash::Error> {
        let hash = PasswordHash::new(hash).map_err(|_| password_hash::Error::EncodingInvalid)?;
        match self.verify_password(password.expose_secret().as_bytes(), &hash) {
            Ok(()) => Ok(true),
            Err(password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether new hashes are stronger than this one in any of their parameters.
    pub(crate) fn exceeds(&self, hash: &str) -> bool {
        let Ok(hash) = PasswordHash::new(hash) else { return true };
        let (Ok(old), new) = (Params::try_from(&hash), &self.params) else { return true };
        hash.version.is_none_or(|version| version < Version::V0x13.into())
            || old.m_cost() < new.m_cost()
            || old.t_cost() < new.t_cost()
            || old.p_cost() < new.p_cost()
    }
}

impl Memory {
    /// Does work that needs this many blocks.
    fn with<T>(&self, blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
        if blocks > self.blocks {
            return work(&mut vec![Block::new(); blocks]);
        }
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut memory = free.unwrap_or_else(|| vec![Block::new(); self.blocks]);
        let outcome = work(&mut memory[..blocks]);
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
        outcome
    }
}

impl PasswordHasher<PasswordHash> for Argon2id {
    fn hash_password_with_salt(
        &self,
        password: &[u8],
        salt: &[u8],
    ) -> Result<PasswordHash, password_hash::Error> {
        self.hash_password_customized(password, salt, None, None, self.params.clone())
    }
}

/// As the library does it for its own type, but in memory of ours.
impl CustomizedPasswordHasher<PasswordHash> for Argon2id {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<u32>,
        params: Params,
    ) -> Result<PasswordHash, password_hash::Error> {
        let algorithm = algorithm.map_or(Ok(Algorithm::Argon2id), Algorithm::try_from)?;
        let version = version.map_or(Ok(Version::V0x13), Version::try_from)?;
        let mut hash = [0; Output::MAX_LENGTH];
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let hash = hash.get_mut(..length).ok_or(password_hash::Error::OutputSize)?;
        let argon2 = Argon2::new(algorithm, version, params);
        self.memory.with(argon2.params().block_count(), |memory| {
            argon2.hash_password_into_with_memory(password, salt, hash, memory)
        })?;
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: ParamsString::try_from(argon2.params())?,
            salt: Some(Salt::new(salt)?),
            hash: Some(Output::new(hash)?),
        })
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
    fn memory_that_was_used_before_changes_no_hash() {
        let argon2id = of(64, 2, 1);
        let hashes = [(64, 2, 1), (32, 1, 2), (128, 1, 1), (64, 2, 1)].map(|(memory, passes, lanes)| {
            let params = Params::new(memory, passes, lanes, None).expect("parameters");
            let ours = argon2id.hash_password_customized(b"a", b"some salt", None, None, params.clone());
            let libraries =
                Argon2::default().hash_password_customized(b"a", b"some salt", None, None, params);
            (ours.expect("a hash"), libraries.expect("a hash"))
        });
        for (ours, libraries) in hashes {
            assert_eq!(ours, libraries);
        }
    }

    #[test]
    fn a_hash_of_another_strength_is_verified_with_its_own() {
        let weak = hash(&of(64, 1, 1));
        assert_eq!(Argon2id::default().verify(&"Password123!".into(), &weak), Ok(true));
        assert_eq!(Argon2id::default().verify(&"Password124!".into(), &weak), Ok(false));
    }
}
