//! What happens when calls cross, on two replicas that lose their database connections meanwhile.

use std::time::Duration;

use eventboard_chassis::error::ErrorCode;
use eventboard_proto::auth::{DecisionMails, SessionReply};
use futures::future::{join, join_all};

use crate::{
    notifications::set,
    support::{CallResult, PASSWORD, TestService, create_organization},
};

const EMAIL: &str = "ada@example.org";
const ROUNDS: usize = 15;

/// How often connections are broken.
const FAULT_INTERVAL: Duration = Duration::from_millis(20);

/// Two replicas with one account.
struct Replicas([TestService; 2]);

impl Replicas {
    async fn start() -> Self {
        let variables = [("PASSWORD_HASH_CONCURRENCY", "2")];
        let first = TestService::start_with(&variables).await;
        let second = TestService::start_beside(&first, &variables).await;
        first.signup(create_organization(EMAIL, "Acme")).await.unwrap();
        Self([first, second])
    }

    fn of(&self, number: usize) -> &TestService {
        &self.0[number % 2]
    }

    async fn log_in(&self, password: &str) -> SessionReply {
        answer(async || self.of(0).login(EMAIL, password).await).await.unwrap()
    }

    /// Breaks database connections of both replicas while the calls are made.
    async fn with_faults<T>(&self, calls: impl Future<Output = T>) -> T {
        let mut connection = self.of(0).connect().await;
        let faults = async {
            loop {
                tokio::time::sleep(FAULT_INTERVAL).await;
                let broken = "
                    select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and application_name = 'auth-service' and pid <> pg_backend_pid()
                    order by random() limit 1
                ";
                sqlx::query(broken).execute(&mut connection).await.unwrap();
            }
        };
        tokio::select! {
            value = calls => value,
            () = faults => unreachable!("faults never end"),
        }
    }

    async fn is_valid(&self, access_token: &str) -> bool {
        answer(async || self.of(1).validate(Some(access_token)).await).await.is_ok()
    }
}

/// Repeats a call as a client does, until somebody answers.
async fn answer<T>(call: impl AsyncFn() -> CallResult<T>) -> CallResult<T> {
    loop {
        match call().await {
            Err(error) if matches!(error.code(), ErrorCode::Unavailable | ErrorCode::DeadlineExceeded) => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            answered => return answered,
        }
    }
}

fn is_refused<T>(result: &CallResult<T>) -> bool {
    result.as_ref().is_err_and(|error| error.code() == ErrorCode::Unauthenticated)
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_clients_that_refresh_one_token_at_once_all_hold_a_working_pair() {
    let replicas = Replicas::start().await;
    for _ in 0..ROUNDS {
        let session = replicas.log_in(PASSWORD).await;
        let refreshes = (0..10).map(|number| {
            let (replicas, token) = (&replicas, &session.refresh_token);
            answer(async move || replicas.of(number).refresh(token).await)
        });
        let answers = replicas.with_faults(join_all(refreshes)).await;
        for pair in answers {
            let pair = pair.unwrap();
            assert!(replicas.is_valid(&pair.access_token).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_is_given_again_after_five_minutes() {
    let replicas = Replicas::start().await;
    for _ in 0..ROUNDS {
        let session = replicas.log_in(PASSWORD).await;
        let lost = answer(async || replicas.of(0).refresh(&session.refresh_token).await);
        let lost = replicas.with_faults(lost).await.unwrap();
        let later = r#"
            update "Session" set "lastUsedAt" = "lastUsedAt" - interval '5 minutes',
                "seenAt" = "seenAt" - interval '5 minutes'
        "#;
        replicas.of(0).execute(later).await;
        let again = answer(async || replicas.of(1).refresh(&session.refresh_token).await);
        let again = replicas.with_faults(again).await.unwrap();
        assert_eq!(again.refresh_token, lost.refresh_token);
        assert!(replicas.is_valid(&again.access_token).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thief_and_the_owner_do_not_both_go_on() {
    let replicas = Replicas::start().await;
    for round in 0..ROUNDS {
        let session = replicas.log_in(PASSWORD).await;
        let stolen = &session.refresh_token;
        let refresh = async |number: usize, token: &str| {
            let call = answer(async || replicas.of(number).refresh(token).await);
            replicas.with_faults(call).await
        };
        // The one who comes first uses what they got. Later, the other one comes with the same token.
        let first = refresh(round, stolen).await.unwrap();
        assert!(replicas.is_valid(&first.access_token).await);
        replicas.of(0).execute(r#"update "Session" set "seenAt" = "seenAt" - interval '10 seconds'"#).await;
        assert!(is_refused(&refresh(round + 1, stolen).await));
        assert!(!replicas.is_valid(&first.access_token).await);
        assert!(is_refused(&refresh(round, &first.refresh_token).await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_during_a_refresh_ends_the_session() {
    let replicas = Replicas::start().await;
    for round in 0..ROUNDS {
        let session = replicas.log_in(PASSWORD).await;
        let refresh = answer(async || replicas.of(round).refresh(&session.refresh_token).await);
        let logout = answer(async || replicas.of(round + 1).log_out(None, &session.refresh_token).await);
        let (refreshed, logged_out) = replicas.with_faults(join(refresh, logout)).await;
        logged_out.unwrap();
        assert!(!replicas.is_valid(&session.access_token).await);
        if let Ok(pair) = refreshed {
            assert!(!replicas.is_valid(&pair.access_token).await);
            assert!(is_refused(&answer(async || replicas.of(0).refresh(&pair.refresh_token).await).await));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_disabled_while_writing_writes_nothing_afterwards() {
    let replicas = Replicas::start().await;
    for round in 0..ROUNDS {
        let session = replicas.log_in(PASSWORD).await;
        let write = async |decisions| {
            answer(async || set(replicas.of(round), &session.access_token, decisions).await).await
        };
        let writing = async {
            for decisions in [DecisionMails::Off, DecisionMails::Immediate].into_iter().cycle() {
                if is_refused(&write(decisions).await) {
                    return;
                }
            }
        };
        let disabling = async {
            tokio::time::sleep(FAULT_INTERVAL).await;
            replicas
                .of(0)
                .execute(r#"update "User" set disabled = true, "decisionMails" = 'immediate'"#)
                .await;
        };
        let ((), ()) = Box::pin(replicas.with_faults(join(writing, disabling))).await;
        assert!(is_refused(&write(DecisionMails::Off).await));
        let written =
            replicas.of(0).count(r#"select count(*) from "User" where "decisionMails" = 'off'"#).await;
        assert_eq!(written, 0);
        replicas.of(0).execute(r#"update "User" set disabled = false"#).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_that_is_used_twice_at_once_sets_one_password() {
    let replicas = Replicas::start().await;
    for round in 0..ROUNDS {
        let link = replicas.of(0).make_link().await;
        let passwords = [format!("Seven-blue-kettles-{round}"), format!("Eight-red-kettles-{round}")];
        let resets = passwords.iter().enumerate().map(|(number, new)| {
            let (replicas, link) = (&replicas, &link);
            answer(async move || replicas.of(number).reset_password(link, new).await)
        });
        let results = replicas.with_faults(join_all(resets)).await;
        assert!(results.iter().filter(|result| result.is_ok()).count() <= 1);
        let mut set = Vec::new();
        for (password, result) in passwords.iter().zip(&results) {
            let login = answer(async || replicas.of(0).login(EMAIL, password).await).await;
            // A reset whose answer was lost was made, although its repetition is refused.
            assert!(login.is_ok() || result.is_err());
            set.extend(login.ok());
        }
        assert_eq!(set.len(), 1);
        let used = answer(async || replicas.of(1).reset_password(&link, "Nine-green-kettles-9").await).await;
        assert_eq!(used.unwrap_err().code(), ErrorCode::InvalidInput);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_that_crosses_two_changes_of_address_leaves_no_link_that_works() {
    let replicas = Replicas::start().await;
    let mut password = PASSWORD.to_owned();
    for round in 0..ROUNDS {
        let session = replicas.log_in(&password).await;
        let token = &session.access_token;
        let reset_link = replicas.of(0).make_link().await;
        let new_emails = [format!("first{round}@example.org"), format!("second{round}@example.org")];
        answer(async || replicas.of(0).change_email(token, &new_emails[0], &password).await).await.unwrap();
        let first_link = replicas.of(0).confirmation_link(&new_emails[0]).await;
        let new_password = format!("Seven-blue-kettles-{round}");

        let reset = answer(async || replicas.of(round).reset_password(&reset_link, &new_password).await);
        let confirm = answer(async || replicas.of(round + 1).verify_email(&first_link).await);
        let change = answer(async || replicas.of(round).change_email(token, &new_emails[1], &password).await);
        let ((_, _), _) = replicas.with_faults(join(join(reset, confirm), change)).await;

        let email = r#"select email from "User""#;
        let email: String =
            sqlx::query_scalar(email).fetch_one(&mut replicas.of(0).connect().await).await.unwrap();
        let is_reset = answer(async || replicas.of(0).login(&email, &new_password).await).await.is_ok();
        let is_changed = email == new_emails[0];
        assert!(is_changed || email == EMAIL, "{email}");
        assert!(!(is_reset && is_changed), "each of both withdraws the link of the other");
        if is_reset {
            let open = r#"
                select count(*) + (select count("pendingEmail") from "User") from "AccountLink" where "endedAt" is null
            "#;
            assert_eq!(replicas.of(0).count(open).await, 0);
            password = new_password;
        }
        let as_before = r#"
            update "User" set email = 'ada@example.org', "pendingEmail" = null, "pendingEmailExpiresAt" = null
        "#;
        replicas.of(0).execute(as_before).await;
    }
}
