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

/// 19 MiB, two passes, one lane, as recommended in the OWASP Password Storage Cheat Sheet, section "Argon2id".
const CURRENT: Params = match Params::new(19 * 1024, 2, 1, None) {
    Ok(params) => params,
    Err(_) => panic!("parameters out of range"),
};

/// Computes and verifies hashes on the calling thread. The default value has the parameters for all new hashes.
#[derive(Clone)]
pub struct Argon2id {
    params: Params,
    memory: MemoryPool,
}

/// Reuses the memory of finished hashes. The pool grows to the peak number of concurrent hashes and never shrinks. It
/// is shared by all threads, because each hash has a new thread. New memory for each hash would have to be allocated and
/// cleared.
#[derive(Clone)]
struct MemoryPool {
    blocks_per_buffer: usize,
    free_buffers: Arc<Mutex<Vec<Vec<Block>>>>,
}

impl Default for Argon2id {
    fn default() -> Self {
        Self::new(CURRENT)
    }
}

impl Argon2id {
    /// Creates an instance that computes new hashes with the given parameters.
    pub(crate) fn new(params: Params) -> Self {
        let memory = MemoryPool { blocks_per_buffer: params.block_count(), free_buffers: Arc::default() };
        Self { params, memory }
    }

    /// Hashes the password with a new random salt.
    ///
    /// # Errors
    /// When the system provides no random bytes.
    pub fn hash(&self, password: &SecretString) -> Result<String, password_hash::Error> {
        Ok(self.hash_password(password.expose_secret().as_bytes())?.to_string())
    }

    /// Returns whether the password matches the hash. Verification uses the parameters stored in the hash.
    pub(crate) fn verify(&self, password: &SecretString, hash: &str) -> Result<bool, password_hash::Error> {
        let hash = PasswordHash::new(hash).map_err(|_| password_hash::Error::EncodingInvalid)?;
        match self.verify_password(password.expose_secret().as_bytes(), &hash) {
            Ok(()) => Ok(true),
            Err(password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns whether new hashes are stronger than this one in any parameter.
    pub(crate) fn is_stronger_than(&self, hash: &str) -> bool {
        let Ok(hash) = PasswordHash::new(hash) else { return true };
        let (Ok(old), new) = (Params::try_from(&hash), &self.params) else { return true };
        hash.version.is_none_or(|version| version < Version::V0x13.into())
            || old.m_cost() < new.m_cost()
            || old.t_cost() < new.t_cost()
            || old.p_cost() < new.p_cost()
    }
}

impl MemoryPool {
    /// Runs `work` with a buffer of `blocks` blocks.
    fn with_buffer<T>(&self, blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
        if blocks > self.blocks_per_buffer {
            return work(&mut vec![Block::new(); blocks]);
        }
        let free = self.free_buffers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffer = free.unwrap_or_else(|| vec![Block::new(); self.blocks_per_buffer]);
        let outcome = work(&mut buffer[..blocks]);
        self.free_buffers.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
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

/// The same as the `argon2` crate's implementation for its own type, except that it uses memory from our pool.
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
        self.memory.with_buffer(argon2.params().block_count(), |memory| {
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

    fn argon2id(memory_kib: u32, passes: u32, lanes: u32) -> Argon2id {
        Argon2id::new(Params::new(memory_kib, passes, lanes, None).expect("parameters"))
    }

    fn hash(argon2id: &Argon2id) -> String {
        argon2id.hash(&"Password123!".into()).expect("a hash")
    }

    #[test]
    fn new_hashes_use_the_parameters_that_owasp_recommends() {
        assert!(hash(&Argon2id::default()).starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    }

    #[test]
    fn two_hashes_of_the_same_password_differ() {
        let argon2id = argon2id(64, 1, 1);
        assert_ne!(hash(&argon2id), hash(&argon2id));
    }

    #[test]
    fn a_hash_is_weaker_when_any_parameter_is_lower() {
        let current = argon2id(64, 2, 2);
        for (other, is_weaker) in [
            (argon2id(64, 2, 2), false),
            (argon2id(128, 3, 3), false),
            (argon2id(32, 3, 3), true),
            (argon2id(128, 1, 3), true),
            (argon2id(128, 3, 1), true),
        ] {
            let hash = hash(&other);
            assert_eq!(current.is_stronger_than(&hash), is_weaker, "{hash:?}");
        }
    }

    #[test]
    fn reused_memory_does_not_change_a_hash() {
        let argon2id = argon2id(64, 2, 1);
        let hashes = [(64, 2, 1), (32, 1, 2), (128, 1, 1), (64, 2, 1)].map(|(memory, passes, lanes)| {
            let params = Params::new(memory, passes, lanes, None).expect("parameters");
            let ours = argon2id.hash_password_customized(b"a", b"some salt", None, None, params.clone());
            let reference =
                Argon2::default().hash_password_customized(b"a", b"some salt", None, None, params);
            (ours.expect("a hash"), reference.expect("a hash"))
        });
        for (ours, reference) in hashes {
            assert_eq!(ours, reference);
        }
    }

    #[test]
    fn a_hash_is_verified_with_its_own_parameters() {
        let weak = hash(&argon2id(64, 1, 1));
        assert_eq!(Argon2id::default().verify(&"Password123!".into(), &weak), Ok(true));
        assert_eq!(Argon2id::default().verify(&"Password124!".into(), &weak), Ok(false));
    }
}
