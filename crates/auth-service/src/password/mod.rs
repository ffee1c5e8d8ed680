//! Hashes and verifies passwords on threads of their own, with bounded concurrency.

mod argon2id;
mod queue;
mod strength;

use std::{sync::Arc, thread};

use argon2::password_hash;
use eventboard_chassis::{
    config::{AppEnv, Env},
    error::ServiceError,
    fairness::Client,
};
use eventboard_domain::prepare_password;
use secrecy::{ExposeSecret, SecretString};

pub use self::argon2id::Argon2id;
pub(crate) use self::strength::guesses;
use self::{
    queue::Queue,
    strength::{Guesses, strength},
};

/// The upper bound of the default concurrency. Each hash takes a core and 19 MiB.
const MAX_DEFAULT_CONCURRENCY: usize = 4;

/// The limits for password hashing.
#[derive(Debug, Clone)]
pub struct PasswordConfig {
    /// `PASSWORD_HASH_CONCURRENCY` (default: the CPU count, at most 4): how many hashes are computed at the same
    /// time. Each one uses a core and 19 MiB of memory.
    pub concurrency: u32,
    /// `PASSWORD_HASH_QUEUE` (default 64): how many callers may wait for a hash. Further callers get `Overloaded`. The
    /// callers of one address block get at most a quarter of the queue and of the running hashes together.
    pub queue: u32,
    /// `PASSWORD_MIN_STRENGTH` (default: 2 in production, 0 otherwise): how hard a new password must be to guess, from 0
    /// (any) to 4, on the scale of zxcvbn.
    pub min_strength: u8,
}

impl PasswordConfig {
    /// Reads the `PASSWORD_*` variables.
    pub fn from_env(env: &mut Env) -> Self {
        let min_strength = match AppEnv::from_env(env) {
            AppEnv::Development => 0,
            AppEnv::Production => 2,
        };
        Self {
            min_strength: env.number("PASSWORD_MIN_STRENGTH", min_strength, 0..=4),
            concurrency: env.number("PASSWORD_HASH_CONCURRENCY", default_concurrency(), 1..=256),
            queue: env.number("PASSWORD_HASH_QUEUE", 64, 0..=100_000),
        }
    }
}

fn default_concurrency() -> u32 {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(cores.min(MAX_DEFAULT_CONCURRENCY)).unwrap_or(1)
}

/// A password that is compared with a hash.
///
/// Hashes are made of the prepared form. Earlier versions made them of what was typed, so a password that preparing changes is
/// compared in both forms, always. So the number of hashes depends on what was typed, and the time tells neither whether there
/// is an account, nor of which form its hash is, nor which one was right. For nearly all passwords it is one.
#[derive(Debug, Clone)]
pub(crate) struct TypedPassword {
    /// For a new hash.
    pub prepared: SecretString,
    /// What was typed, if it is something else.
    raw: Option<SecretString>,
}

/// How a password matches a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordMatch {
    /// It does not.
    None,
    /// It is the one that was hashed.
    Prepared,
    /// The hash is of what was typed, by an earlier version. It should be replaced.
    Raw,
}

impl TypedPassword {
    pub(crate) fn new(raw: String) -> Self {
        let prepared = prepare_password(&raw);
        let raw = (raw != prepared).then(|| raw.into());
        Self { prepared: prepared.into(), raw }
    }
}

impl PasswordMatch {
    pub(crate) fn is_right(self) -> bool {
        match self {
            Self::None => false,
            Self::Prepared | Self::Raw => true,
        }
    }
}

/// Hashes and verifies passwords through the queue.
pub(crate) struct Passwords {
    argon2id: Argon2id,
    /// Verified in place of a real hash when the user is unknown, so that both cases take the same time. Even if the
    /// password matches this hash, the login fails.
    dummy_hash: Arc<str>,
    queue: Queue,
    min_strength: u8,
}

/// The password is too easy to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WeakPassword;

impl WeakPassword {
    /// What is wrong with the field that has the password.
    pub(crate) const MESSAGE: &str = "is too easy to guess; make it longer, for example with several words that are not \
        connected with each other or with you";
}

impl Passwords {
    /// Computes the dummy hash (some 20 ms) with the parameters for new hashes.
    ///
    /// # Errors
    /// When hashing fails on this machine.
    pub(crate) fn new(config: &PasswordConfig, argon2id: Argon2id) -> Result<Self, password_hash::Error> {
        let dummy_hash = argon2id.hash(&SecretString::from("dummy password"))?.into();
        let queue = Queue::new(config.concurrency, config.queue);
        Ok(Self { argon2id, dummy_hash, queue, min_strength: config.min_strength })
    }

    /// Computes the hash to store for a new password.
    ///
    /// # Errors
    /// `Overloaded` when the queue or the share of the client is full.
    pub(crate) async fn hash(&self, password: &SecretString, client: Client) -> Result<String, ServiceError> {
        let (argon2id, password) = (self.argon2id.clone(), password.clone());
        let hashed = self.queue.run(client, move || argon2id.hash(&password)).await?;
        hashed.map_err(ServiceError::internal)
    }

    /// Computes the hash to store for a password that a user has chosen, unless it is too easy to guess for somebody who knows
    /// these words. Judging takes a core too, so it has the same place in the queue.
    ///
    /// # Errors
    /// `Overloaded` when the queue or the share of the client is full.
    pub(crate) async fn hash_chosen(
        &self,
        password: &SecretString,
        guesses: Guesses,
        client: Client,
    ) -> Result<Result<String, WeakPassword>, ServiceError> {
        let (argon2id, password, min_strength) = (self.argon2id.clone(), password.clone(), self.min_strength);
        let judge_and_hash = move || {
            if min_strength > 0 && strength(password.expose_secret(), &guesses) < min_strength {
                return Ok(Err(WeakPassword));
            }
            argon2id.hash(&password).map(Ok)
        };
        self.queue.run(client, judge_and_hash).await?.map_err(ServiceError::internal)
    }

    /// Returns how the password matches the hash. When there is no hash, returns `None` after the same work.
    ///
    /// # Errors
    /// `Overloaded` when the queue or the share of the client is full, `Internal` when the hash is malformed.
    pub(crate) async fn verify(
        &self,
        password: &TypedPassword,
        hash: Option<&str>,
        client: Client,
    ) -> Result<PasswordMatch, ServiceError> {
        let (argon2id, TypedPassword { prepared, raw }) = (self.argon2id.clone(), password.clone());
        let expected: Arc<str> = hash.map_or_else(|| Arc::clone(&self.dummy_hash), Arc::from);
        let verify = move || {
            let prepared = argon2id.verify(&prepared, &expected)?;
            let raw = raw.map_or(Ok(false), |raw| argon2id.verify(&raw, &expected))?;
            Ok::<_, password_hash::Error>((prepared, raw))
        };
        let verified = self.queue.run(client, verify).await?;
        Ok(match verified.map_err(ServiceError::internal)? {
            (true, _) if hash.is_some() => PasswordMatch::Prepared,
            (false, true) if hash.is_some() => PasswordMatch::Raw,
            _ => PasswordMatch::None,
        })
    }

    /// Returns whether a new hash of the same password would be stronger.
    pub(crate) fn needs_rehash(&self, hash: &str) -> bool {
        self.argon2id.is_stronger_than(hash)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    const CLIENT: Client = Client::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));
    const HASH_COUNT: &str = "eventboard_password_hash_duration_seconds_count";

    fn passwords() -> Passwords {
        Passwords::new(&PasswordConfig { concurrency: 1, queue: 0, min_strength: 0 }, Argon2id::default())
            .expect("a dummy hash")
    }

    fn typed(raw: &str) -> TypedPassword {
        TypedPassword::new(raw.to_owned())
    }

    #[tokio::test]
    async fn a_password_matches_only_its_own_hash() {
        let (passwords, password) = (passwords(), typed("Password123!"));
        let hash = passwords.hash(&password.prepared, CLIENT).await.expect("a hash");
        let verify = async |raw, hash| passwords.verify(&typed(raw), Some(hash), CLIENT).await;
        assert_eq!(verify("Password123!", &*hash).await.expect("a result"), PasswordMatch::Prepared);
        assert_eq!(verify("password123!", &*hash).await.expect("a result"), PasswordMatch::None);
        assert!(verify("Password123!", "no hash").await.is_err());
    }

    #[tokio::test]
    async fn a_password_matches_the_hashes_of_both_of_its_forms() {
        let passwords = passwords();
        let [composed, decomposed] = ["Größe 123", "Gro\u{308}ße\u{a0}123"];
        let hash = async |raw: &str| passwords.hash(&raw.into(), CLIENT).await.expect("a hash");
        let verify = async |raw, hash: &str| {
            passwords.verify(&typed(raw), Some(hash), CLIENT).await.expect("a result")
        };
        let (of_prepared, of_raw) = (hash(composed).await, hash(decomposed).await);
        assert_eq!(verify(composed, &of_prepared).await, PasswordMatch::Prepared);
        assert_eq!(verify(decomposed, &of_prepared).await, PasswordMatch::Prepared);
        assert_eq!(verify(decomposed, &of_raw).await, PasswordMatch::Raw);
        assert_eq!(verify(composed, &of_raw).await, PasswordMatch::None, "it was typed in another way");
        assert_eq!(verify("Größe\u{a0}124", &of_prepared).await, PasswordMatch::None);
    }

    #[tokio::test]
    async fn an_unknown_user_costs_as_much_work_as_a_known_one() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let passwords = metrics::with_local_recorder(&recorder, passwords);
        let hash_count = || {
            let text = recorder.handle().render();
            let line = text.lines().find_map(|line| line.strip_prefix(HASH_COUNT));
            line.map_or(0, |count| count.trim().parse::<u32>().expect("a count"))
        };
        let password = typed("Password124!");
        let hash = passwords.hash(&"Password123!".into(), CLIENT).await.expect("a hash");
        let before = hash_count();
        passwords.verify(&password, Some(&hash), CLIENT).await.expect("a result");
        assert_eq!(hash_count(), before + 1);
        passwords.verify(&password, None, CLIENT).await.expect("a result");
        assert_eq!(hash_count(), before + 2);
        assert_eq!(parameters_of(&passwords.dummy_hash), parameters_of(&hash));
    }

    #[tokio::test]
    async fn the_password_of_the_dummy_hash_does_not_match() {
        for raw in ["dummy password", "dummy\u{a0}password"] {
            let matched = passwords().verify(&typed(raw), None, CLIENT).await.expect("a result");
            assert_eq!(matched, PasswordMatch::None);
        }
    }

    /// Returns the parts of a PHC string before the salt and the hash.
    fn parameters_of(hash: &str) -> Vec<&str> {
        hash.split('$').take(4).collect()
    }
}
