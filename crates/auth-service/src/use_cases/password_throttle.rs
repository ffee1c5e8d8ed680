//! How many wrong passwords an account takes: a check counts as wrong until the password was right.

use std::{net::IpAddr, time::Duration};

use eventboard_chassis::{
    account_key::AccountKeys,
    error::ServiceError,
    fairness::Client,
    server::{Deadline, Origin},
};
use eventboard_domain::ThrottleLimit;
use metrics::Counter;
use secrecy::SecretString;
use tokio::task::JoinHandle;

use crate::{
    store::Store,
    throttle::{AccountAddress, CountedCheck, RefusedCheck, ThrottleKey},
};

/// How long giving back a check may take.
const GIVE_BACK_TIMEOUT: Duration = Duration::from_secs(5);

/// Counts the checks of passwords, in the database, so that all replicas share the counters.
pub(crate) struct PasswordThrottle {
    store: Store,
    account_keys: AccountKeys,
    refused_by_address: Counter,
    refused_by_account: Counter,
}

/// A check that counts as wrong. Dropping it before its verdict is known gives it back: the queue was full, or the caller did
/// not wait. Nobody learns anything from such a check.
pub(crate) struct Reservation {
    store: Store,
    key: ThrottleKey,
    /// `None` once it is settled or given back.
    counted: Option<CountedCheck>,
}

impl PasswordThrottle {
    pub(crate) fn new(store: Store, secret: &SecretString) -> Self {
        let refused =
            |limit| metrics::counter!("eventboard_throttled_password_checks_total", "limit" => limit);
        Self {
            store,
            account_keys: AccountKeys::new(secret),
            refused_by_address: refused("address"),
            refused_by_account: refused("account"),
        }
    }

    /// Under what the checks for an account from a block of addresses are counted.
    pub(crate) fn key(&self, compared_email: &str, block: IpAddr) -> ThrottleKey {
        ThrottleKey { account: self.account_keys.of(compared_email), block }
    }

    /// The names under which the checks are counted.
    pub(crate) fn account_keys(&self) -> &AccountKeys {
        &self.account_keys
    }

    /// Counts a check as wrong, before the password is hashed.
    ///
    /// # Errors
    /// `Throttled` if there were too many wrong ones.
    pub(crate) async fn reserve(
        &self,
        account: AccountAddress<'_>,
        block: IpAddr,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<Reservation, ServiceError> {
        let AccountAddress { compared_email, user } = account;
        let key = self.key(compared_email, block);
        match self.store.count_check(key, user, origin, deadline).await? {
            Ok(counted) => Ok(Reservation { store: self.store.clone(), key, counted: Some(counted) }),
            Err(RefusedCheck { limit, refusal }) => {
                match limit {
                    ThrottleLimit::Address => self.refused_by_address.increment(1),
                    ThrottleLimit::Account => self.refused_by_account.increment(1),
                }
                Err(refusal.into())
            }
        }
    }
}

impl Reservation {
    /// Under what the check is counted.
    pub(crate) fn key(&self) -> ThrottleKey {
        self.key
    }

    /// The verdict is known: nothing is given back any more.
    pub(crate) fn settle(&mut self) {
        self.counted = None;
    }

    /// Gives the check back, and waits for that.
    pub(crate) async fn give_back(mut self) {
        if let Some(given_back) = self.spawn_give_back() {
            // It logs its failure itself.
            _ = given_back.await;
        }
    }

    /// A task, so that a caller who leaves meanwhile does not stop it.
    fn spawn_give_back(&mut self) -> Option<JoinHandle<()>> {
        let counted = self.counted.take()?;
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let store = self.store.clone();
        Some(runtime.spawn(async move {
            let client = Client::Address(counted.key.block);
            let deadline = Deadline::after(GIVE_BACK_TIMEOUT);
            if let Err(error) = store.give_check_back(counted, client, deadline).await {
                tracing::warn!(%error, "A password that was not checked stays counted as wrong");
            }
        }))
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.spawn_give_back();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use eventboard_chassis::{config, correlation::CorrelationId};
    use eventboard_db::{Database, DatabaseConfig};
    use eventboard_testing::TestDatabase;

    use super::*;

    const FAILURES: &str = r#"
        select failures from "AddressThrottle" union all select failures from "AccountThrottle"
    "#;

    #[tokio::test]
    async fn a_check_counts_from_its_beginning_unless_it_is_dropped_without_a_verdict() {
        let test_database = TestDatabase::create().await;
        let env = [("DATABASE_URL".to_owned(), test_database.url().to_owned())].into_iter().collect();
        let config = config::read(env, |env| DatabaseConfig::from_env(env, "tests"));
        let database = Database::open(config.expect("a configuration"));
        database.prepare().await.expect("a migrated database");
        let throttle = PasswordThrottle::new(Store::new(database), &"a secret".into());
        let origin =
            Origin { address: "127.0.0.0/24".to_owned(), client: None, correlation_id: CorrelationId::new() };
        let reserve = async || {
            let account = AccountAddress { compared_email: "ada@example.org", user: None };
            let block = IpAddr::V4(Ipv4Addr::LOCALHOST);
            throttle.reserve(account, block, &origin, Deadline::after(GIVE_BACK_TIMEOUT)).await
        };
        let mut connection = test_database.connect().await;
        let mut failures = async || -> Vec<i32> {
            sqlx::query_scalar(FAILURES).fetch_all(&mut connection).await.expect("two counters")
        };

        let reservation = reserve().await.expect("a reservation");
        assert_eq!(failures().await, [1, 1]);
        drop(reservation);
        while failures().await != [0, 0] {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for _ in 0..9 {
            reserve().await.expect("a reservation").settle();
        }
        let tenth = reserve().await.expect("a reservation");
        assert!(reserve().await.is_err(), "the tenth one locks");
        tenth.give_back().await;
        assert_eq!(failures().await, [9, 9]);
        reserve().await.expect("its lock is gone with it").settle();
        assert!(reserve().await.is_err());
    }
}
