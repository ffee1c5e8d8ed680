//! Passwords: hashed and verified off the async threads, a bounded number at once.

mod argon2id;
mod queue;

use std::{sync::Arc, thread};

use argon2::password_hash;
use eventboard_chassis::{config::Env, error::ServiceError};
use secrecy::SecretString;

pub use self::argon2id::Argon2id;
use self::queue::Queue;

/// More at once than this gains nothing by default: each takes a core and 19 MiB.
const MOST_BY_DEFAULT: usize = 4;

/// How many passwords are hashed at once.
#[derive(Debug, Clone)]
pub struct PasswordConfig {
    /// `PASSWORD_HASH_CONCURRENCY` (default: the CPU count, at most 4): hashes computed at once, each
    /// on a core of its own with 19 MiB of memory.
    pub concurrency: u32,
    /// `PASSWORD_HASH_QUEUE` (default 64): callers that may wait for their turn; the rest is shed.
    pub queue: u32,
}

impl PasswordConfig {
    /// Reads the `PASSWORD_HASH_*` variables.
    pub fn from_env(env: &mut Env) -> Self {
        Self {
            concurrency: env.number("PASSWORD_HASH_CONCURRENCY", default_concurrency(), 1..=256),
            queue: env.number("PASSWORD_HASH_QUEUE", 64, 0..=100_000),
        }
    }
}

fn default_concurrency() -> u32 {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(cores.min(MOST_BY_DEFAULT)).unwrap_or(1)
}

/// Hashes and verifies passwords when their turn comes.
pub(crate) struct Passwords {
    argon2id: Argon2id,
    /// Stands in for the hash of an unknown user. Nobody's: what is verified against it never matches.
    decoy: Arc<str>,
    queue: Queue,
}

impl Passwords {
    /// Computes one hash (some 20 ms) for the decoy, which so has the strength of every new hash.
    ///
    /// # Errors
    /// When hashing does not work on this machine.
    pub(crate) fn new(config: &PasswordConfig, argon2id: Argon2id) -> Result<Self, password_hash::Error> {
        let decoy = argon2id.hash(&SecretString::from("nobody's password"))?.into();
        Ok(Self { argon2id, decoy, queue: Queue::new(config.concurrency, config.queue) })
    }

    /// The hash to store for a new password.
    ///
    /// # Errors
    /// `Overloaded` when too many callers wait already.
    pub(crate) async fn hash(&self, password: &SecretString) -> Result<String, ServiceError> {
        let (argon2id, password) = (self.argon2id.clone(), password.clone());
        let hashed = self.queue.run(move || argon2id.hash(&password)).await?;
        hashed.map_err(ServiceError::internal)
    }

    /// Whether the password belongs to the hash. Without a hash it does not, which takes as long.
    ///
    /// # Errors
    /// `Overloaded` when too many callers wait already, `Internal` when the hash is none.
    pub(crate) async fn verify(
        &self,
        password: &SecretString,
        hash: Option<&str>,
    ) -> Result<bool, ServiceError> {
        let (argon2id, password) = (self.argon2id.clone(), password.clone());
        let against: Arc<str> = hash.map_or_else(|| Arc::clone(&self.decoy), Arc::from);
        let verified = self.queue.run(move || argon2id.verify(&password, &against)).await?;
        Ok(verified.map_err(ServiceError::internal)? && hash.is_some())
    }

    /// Whether a new hash of the same password would be stronger.
    pub(crate) fn is_weak(&self, hash: &str) -> bool {
        self.argon2id.exceeds(hash)
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    const RUNS: &str = "eventboard_password_hash_duration_seconds_count";

    fn passwords() -> Passwords {
        Passwords::new(&PasswordConfig { concurrency: 1, queue: 0 }, Argon2id::default()).expect("a decoy")
    }

    #[tokio::test]
    async fn a_password_belongs_to_its_own_hash_only() {
        let (passwords, password) = (passwords(), SecretString::from("Password123!"));
        let hash = passwords.hash(&password).await.expect("a hash");
        assert!(passwords.verify(&password, Some(&hash)).await.expect("an answer"));
        assert!(!passwords.verify(&"password123!".into(), Some(&hash)).await.expect("an answer"));
        assert!(passwords.verify(&password, Some("no hash")).await.is_err());
    }

    #[tokio::test]
    async fn an_unknown_user_costs_as_much_as_a_known_one() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let passwords = metrics::with_local_recorder(&recorder, passwords);
        let runs = || {
            let text = recorder.handle().render();
            let line = text.lines().find_map(|line| line.strip_prefix(RUNS));
            line.map_or(0, |count| count.trim().parse::<u32>().expect("a count"))
        };
        let hash = passwords.hash(&"Password123!".into()).await.expect("a hash");
        let before = runs();
        passwords.verify(&"Password124!".into(), Some(&hash)).await.expect("an answer");
        assert_eq!(runs(), before + 1);
        passwords.verify(&"Password124!".into(), None).await.expect("an answer");
        assert_eq!(runs(), before + 2);
        assert_eq!(strength_of(&passwords.decoy), strength_of(&hash));
    }

    #[tokio::test]
    async fn nobody_logs_in_with_the_password_of_the_decoy() {
        assert!(!passwords().verify(&"nobody's password".into(), None).await.expect("an answer"));
    }

    /// The parts of a PHC string before salt and hash.
    fn strength_of(hash: &str) -> Vec<&str> {
        hash.split('$').take(4).collect()
    }
}
