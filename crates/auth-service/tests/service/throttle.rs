//! The throttle of password checks.

use std::{collections::BTreeMap, time::Duration};

use eventboard_chassis::error::{ErrorCode, ServiceError};
use futures::future::join_all;

use crate::support::{CallResult, PASSWORD, TestService, create_organization};

const EMAIL: &str = "ada@example.org";
const WRONG: &str = "Password124!";
const HERE: &str = "198.51.100.1";
const ELSEWHERE: &str = "203.0.113.1";

impl TestService {
    /// Guesses wrong at an address this many times.
    async fn guess(&self, address: &str, email: &str, times: usize) {
        for _ in 0..times {
            let refusal = self.login_at(address, email, WRONG).await.unwrap_err();
            assert_eq!(refusal.code(), ErrorCode::Unauthenticated);
        }
    }

    async fn throttled_entries(&self) -> i64 {
        self.count(r#"select count(*) from "AuditEntry" where action = 'LOGIN_THROTTLED'"#).await
    }

    /// Lets all locks end now.
    async fn end_locks(&self) {
        self.execute(r#"update "AddressThrottle" set "lockedUntil" = least("lockedUntil", now())"#).await;
    }
}

async fn with_ada(variables: &[(&str, &str)]) -> TestService {
    let service = TestService::start_with(variables).await;
    service.signup(create_organization(EMAIL, "Acme")).await.unwrap();
    service
}

/// Asserts that the call was refused for about so many minutes.
fn assert_throttled<T>(result: CallResult<T>, minutes: u64) -> ServiceError {
    let refusal = result.err().expect("a refusal");
    assert_eq!(refusal.code(), ErrorCode::Throttled);
    let (wait, lock) = (refusal.retry_after().unwrap(), Duration::from_secs(60 * minutes));
    assert!(lock - Duration::from_secs(50) < wait && wait <= lock, "{wait:?}");
    refusal
}

#[tokio::test]
async fn the_eleventh_attempt_is_the_first_that_must_wait_even_with_the_right_password() {
    let service = with_ada(&[]).await;
    service.guess(HERE, EMAIL, 10).await;
    assert_throttled(service.login_at(HERE, EMAIL, WRONG).await, 1);
    assert_throttled(service.login_at(HERE, EMAIL, PASSWORD).await, 1);
    assert_throttled(service.login_at(HERE, " ADA@example.org", PASSWORD).await, 1);
    service.login_at(ELSEWHERE, EMAIL, PASSWORD).await.unwrap();
    assert_throttled(service.login_at(HERE, EMAIL, PASSWORD).await, 1);
    service.end_locks().await;
    service.login_at(HERE, EMAIL, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn each_wrong_password_after_a_lock_doubles_it() {
    let service = with_ada(&[]).await;
    service.guess(HERE, EMAIL, 9).await;
    for minutes in [1, 2, 4, 8, 15, 15] {
        service.guess(HERE, EMAIL, 1).await;
        assert_throttled(service.login_at(HERE, EMAIL, PASSWORD).await, minutes);
        service.end_locks().await;
    }
    service.execute(r#"update "AddressThrottle" set "lockedUntil" = now() - interval '15 minutes'"#).await;
    service.guess(HERE, EMAIL, 10).await;
    assert_throttled(service.login_at(HERE, EMAIL, PASSWORD).await, 1);
}

#[tokio::test]
async fn an_address_without_an_account_gets_the_same_answers() {
    let service = with_ada(&[]).await;
    let mut messages = Vec::new();
    for email in [EMAIL, "bob@example.org"] {
        service.guess(HERE, email, 10).await;
        let refusal = assert_throttled(service.login_at(HERE, email, PASSWORD).await, 1);
        messages.push(refusal.message().to_owned());
    }
    assert_eq!(messages[0], messages[1]);
    let typed = r#"select count(*) from "AddressThrottle" where encode(account, 'escape') like '%bob%'"#;
    assert_eq!(service.count(typed).await, 0, "nobody's spelling is stored");
}

#[tokio::test]
async fn all_addresses_of_an_ipv6_network_count_together() {
    let service = with_ada(&[]).await;
    for number in 0..10 {
        service.guess(&format!("2001:db8:0:1::{number}"), EMAIL, 1).await;
    }
    assert_throttled(service.login_at("2001:db8:0:1:ffff::", EMAIL, PASSWORD).await, 1);
    service.login_at("2001:db8:0:2::", EMAIL, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn of_fifty_parallel_guesses_at_two_replicas_ten_are_checked() {
    let service = with_ada(&[]).await;
    let replica = TestService::start_beside(&service, &[]).await;
    for email in [EMAIL, "bob@example.org"] {
        let guesses = (0..50).map(|number| {
            let service = if number % 2 == 0 { &service } else { &replica };
            service.login_at(HERE, email, WRONG)
        });
        let mut codes = BTreeMap::new();
        for refusal in join_all(guesses).await {
            *codes.entry(refusal.unwrap_err().code().as_str()).or_insert(0) += 1;
        }
        let expected =
            [(ErrorCode::Throttled.as_str(), 40), (ErrorCode::Unauthenticated.as_str(), 10)].into();
        assert_eq!(codes, expected);
    }
}

#[tokio::test]
async fn a_restart_forgets_nothing() {
    let service = with_ada(&[]).await;
    service.guess(HERE, EMAIL, 10).await;
    service.shutdown.begin(Duration::ZERO).await;
    let restarted = TestService::start_beside(&service, &[]).await;
    assert_throttled(restarted.login_at(HERE, EMAIL, PASSWORD).await, 1);
}

#[tokio::test]
async fn a_right_password_forgets_the_wrong_ones_from_its_address_and_not_those_from_elsewhere() {
    let service = with_ada(&[]).await;
    service.guess(ELSEWHERE, EMAIL, 9).await;
    for _ in 0..3 {
        service.guess(HERE, EMAIL, 9).await;
        service.login_at(HERE, EMAIL, PASSWORD).await.unwrap();
    }
    service.guess(ELSEWHERE, EMAIL, 1).await;
    assert_throttled(service.login_at(ELSEWHERE, EMAIL, PASSWORD).await, 1);
    let account = r#"select failures::bigint from "AccountThrottle""#;
    assert_eq!(service.count(account).await, 37, "the right ones are not counted");
}

#[tokio::test]
async fn the_password_of_a_disabled_user_counts_like_a_wrong_one() {
    let service = with_ada(&[]).await;
    service.execute(r#"update "User" set disabled = true"#).await;
    service.guess(HERE, EMAIL, 9).await;
    assert!(service.login_at(HERE, EMAIL, PASSWORD).await.is_err());
    assert_throttled(service.login_at(HERE, EMAIL, PASSWORD).await, 1);
}

#[tokio::test]
async fn after_a_hundred_wrong_passwords_from_anywhere_only_known_addresses_are_let_in() {
    let service = with_ada(&[]).await;
    service.login_at(HERE, EMAIL, PASSWORD).await.unwrap();
    service.execute(r#"update "AccountThrottle" set failures = 99, "windowStartedAt" = now()"#).await;
    service.guess(ELSEWHERE, EMAIL, 1).await;
    assert_throttled(service.login_at(ELSEWHERE, EMAIL, PASSWORD).await, 60);
    assert_throttled(service.login_at("203.0.113.2", EMAIL, PASSWORD).await, 60);
    service.login_at(HERE, EMAIL, PASSWORD).await.unwrap();
    service.guess(HERE, EMAIL, 10).await;
    assert_throttled(service.login_at(HERE, EMAIL, PASSWORD).await, 1);

    let long_ago = r#"update "KnownAddress" set "lastLoginAt" = now() - interval '91 days'"#;
    service.execute(long_ago).await;
    assert_throttled(service.login_at(HERE, EMAIL, PASSWORD).await, 60);
    service.execute(r#"update "AccountThrottle" set "windowStartedAt" = now() - interval '1 hour'"#).await;
    service.login_at(ELSEWHERE, EMAIL, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn the_twenty_addresses_of_the_last_logins_are_known() {
    let service = with_ada(&[]).await;
    let age = r#"update "KnownAddress" set "lastLoginAt" = "lastLoginAt" - interval '2 days'"#;
    for number in 0..25 {
        service.login_at(&format!("198.51.100.{number}"), EMAIL, PASSWORD).await.unwrap();
        service.execute(age).await;
    }
    service.login_at("198.51.100.5", EMAIL, PASSWORD).await.unwrap();
    service.login_at("198.51.100.30", EMAIL, PASSWORD).await.unwrap();
    let mut known: Vec<String> =
        sqlx::query_scalar(r#"select host(block) from "KnownAddress" order by block"#)
            .fetch_all(&mut service.connect().await)
            .await
            .unwrap();
    let mut expected: Vec<_> = (7..25).map(|number| format!("198.51.100.{number}")).collect();
    expected.extend(["198.51.100.30".to_owned(), "198.51.100.5".to_owned()]);
    known.sort_unstable();
    expected.sort_unstable();
    assert_eq!(known, expected);
}

#[tokio::test]
async fn a_check_without_a_verdict_does_not_count() {
    let service = with_ada(&[("PASSWORD_HASH_CONCURRENCY", "1"), ("PASSWORD_HASH_QUEUE", "0")]).await;
    let (mut wrong, mut overloaded) = (0, 0);
    for number in 0.. {
        let email = format!("bob{number}@example.org");
        for refusal in join_all((0..5).map(|_| service.login_at(HERE, &email, WRONG))).await {
            match refusal.unwrap_err().code() {
                ErrorCode::Unauthenticated => wrong += 1,
                ErrorCode::Overloaded => overloaded += 1,
                other => panic!("{other:?}"),
            }
        }
        if overloaded >= 20 {
            break;
        }
    }
    for counted in
        [r#"select sum(failures) from "AccountThrottle""#, r#"select sum(failures) from "AddressThrottle""#]
    {
        assert_eq!(service.count(counted).await, wrong);
    }
}

#[tokio::test]
async fn the_audit_has_one_entry_for_each_lock_of_an_account_that_exists() {
    let service = with_ada(&[]).await;
    service.guess(HERE, "bob@example.org", 10).await;
    assert_throttled(service.login_at(HERE, "bob@example.org", PASSWORD).await, 1);
    assert_eq!(service.throttled_entries().await, 0);
    service.guess(HERE, EMAIL, 10).await;
    assert_eq!(service.throttled_entries().await, 0, "nothing was refused yet");
    for locks in 1..=2 {
        for _ in 0..3 {
            assert!(service.login_at(HERE, EMAIL, PASSWORD).await.is_err());
            assert_eq!(service.throttled_entries().await, locks);
        }
        service.end_locks().await;
        service.guess(HERE, EMAIL, 1).await;
    }
    service.execute(r#"update "AccountThrottle" set failures = 100"#).await;
    for _ in 0..3 {
        assert_throttled(service.login_at(ELSEWHERE, EMAIL, PASSWORD).await, 60);
    }
    let details = r#"
        select string_agg(details ->> 'limit', ' ' order by id) from "AuditEntry" where action = 'LOGIN_THROTTLED'
    "#;
    let limits: String = sqlx::query_scalar(details).fetch_one(&mut service.connect().await).await.unwrap();
    assert_eq!(limits, "ADDRESS ADDRESS ACCOUNT");
}

#[tokio::test]
async fn old_counters_and_addresses_are_deleted() {
    let service = with_ada(&[]).await;
    service.guess(HERE, EMAIL, 10).await;
    service.execute(r#"update "AccountThrottle" set "windowStartedAt" = now() - interval '2 hours'"#).await;
    service.execute(r#"update "AddressThrottle" set "windowStartedAt" = now() - interval '2 hours'"#).await;
    service.execute(r#"update "KnownAddress" set "lastLoginAt" = now() - interval '92 days'"#).await;
    let restarted = TestService::start_beside(&service, &[]).await;
    let rows = r#"select (select count(*) from "AccountThrottle") + (select count(*) from "KnownAddress")"#;
    while restarted.count(rows).await > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_throttled(restarted.login_at(HERE, EMAIL, PASSWORD).await, 1);
}
