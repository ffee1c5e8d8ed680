//! The policy table: the deadline and the number of attempts for each kind of operation.

use std::time::Duration;

use eventboard_chassis::{config::Env, server::MAX_DEADLINE};
use eventboard_client::{CallPolicy, RetryOn};
use tokio::time::Instant;

/// The shortest configurable deadline. With a shorter one, hardly any request would succeed.
const MIN_DEADLINE: Duration = Duration::from_millis(100);

/// The largest configurable number of attempts.
const MAX_ATTEMPTS: u32 = 10;

/// The deadline and the retry rules for one kind of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationPolicy {
    /// The time for the whole request, including waits between attempts.
    pub deadline: Duration,
    /// The maximum number of attempts, including the first one.
    pub attempts: u32,
    /// Which failures are retried.
    pub retry_on: RetryOn,
    /// The prefix of the row's environment variables. The API documentation lists these variables.
    pub env_prefix: &'static str,
}

/// The policy table: one row per kind of operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policies {
    /// `SIGNUP_DEADLINE` (5s), `SIGNUP_ATTEMPTS` (2).
    pub signup: OperationPolicy,
    /// `LOGIN_DEADLINE` (5s), `LOGIN_ATTEMPTS` (2).
    pub login: OperationPolicy,
    /// `POST /auth/refresh` and `POST /auth/logout`: `REFRESH_DEADLINE` (5s), `REFRESH_ATTEMPTS` (2).
    pub refresh: OperationPolicy,
    /// Operations with the password of a signed-in caller: `PASSWORD_DEADLINE` (10s), `PASSWORD_ATTEMPTS` (2).
    pub password: OperationPolicy,
    /// Operations with the token of a link in a mail: `LINK_DEADLINE` (5s), `LINK_ATTEMPTS` (2).
    pub link: OperationPolicy,
    /// The check that the user of a token is unchanged: `VALIDATE_USER_DEADLINE` (5s), `VALIDATE_USER_ATTEMPTS` (2).
    pub validate_user: OperationPolicy,
    /// Reads of one resource, for example `GET /auth/me` and `GET /events/{id}`: `READ_DEADLINE` (5s), `READ_ATTEMPTS` (3).
    pub read: OperationPolicy,
    /// Lists, for example `GET /events`, and each page of `GET /auth/me/export`: `LIST_DEADLINE` (10s), `LIST_ATTEMPTS` (3).
    pub list: OperationPolicy,
    /// Writes of signed-in callers: `WRITE_DEADLINE` (10s), `WRITE_ATTEMPTS` (3).
    pub write: OperationPolicy,
}

impl Policies {
    /// Reads the two variables of each row.
    pub fn from_env(env: &mut Env) -> Self {
        // What anonymous clients do has no idempotency key, so it is retried only if it was certainly not performed: a
        // second signup would fail, and a second login would be another entry in the audit. The others are safe to
        // repeat: reads, writes that have a key, writes that set a value, and a refresh, whose answer is given
        // again.
        Self {
            signup: OperationPolicy::from_env(env, "SIGNUP", 5, 2, RetryOn::NotPerformed),
            login: OperationPolicy::from_env(env, "LOGIN", 5, 2, RetryOn::NotPerformed),
            refresh: OperationPolicy::from_env(env, "REFRESH", 5, 2, RetryOn::Unavailable),
            // A repeated change would find another current password, and has no key, because its body is a secret.
            password: OperationPolicy::from_env(env, "PASSWORD", 10, 2, RetryOn::NotPerformed),
            link: OperationPolicy::from_env(env, "LINK", 5, 2, RetryOn::NotPerformed),
            validate_user: OperationPolicy::from_env(env, "VALIDATE_USER", 5, 2, RetryOn::Unavailable),
            read: OperationPolicy::from_env(env, "READ", 5, 3, RetryOn::Unavailable),
            list: OperationPolicy::from_env(env, "LIST", 10, 3, RetryOn::Unavailable),
            write: OperationPolicy::from_env(env, "WRITE", 10, 3, RetryOn::Unavailable),
        }
    }
}

impl OperationPolicy {
    fn from_env(
        env: &mut Env,
        env_prefix: &'static str,
        seconds: u64,
        attempts: u32,
        retry_on: RetryOn,
    ) -> Self {
        let deadline = Duration::from_secs(seconds);
        Self {
            deadline: env.duration(&format!("{env_prefix}_DEADLINE"), deadline, MIN_DEADLINE..=MAX_DEADLINE),
            attempts: env.number(&format!("{env_prefix}_ATTEMPTS"), attempts, 1..=MAX_ATTEMPTS),
            retry_on,
            env_prefix,
        }
    }

    /// The call policy for a request that starts now.
    pub(crate) fn start(self) -> CallPolicy {
        CallPolicy {
            deadline: Instant::now() + self.deadline,
            attempts: self.attempts,
            retry_on: self.retry_on,
        }
    }

    /// The call policy for one step of a request. The deadline of the step is never later than that of the request.
    pub(crate) fn within(self, request_policy: CallPolicy) -> CallPolicy {
        let step = self.start();
        CallPolicy { deadline: step.deadline.min(request_policy.deadline), ..step }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::env;

    #[test]
    fn the_default_table_matches_the_documentation() {
        let policies = Policies::from_env(&mut env([]));
        let row = |env_prefix, seconds, attempts, retry_on| OperationPolicy {
            deadline: Duration::from_secs(seconds),
            attempts,
            retry_on,
            env_prefix,
        };
        assert_eq!(
            policies,
            Policies {
                signup: row("SIGNUP", 5, 2, RetryOn::NotPerformed),
                login: row("LOGIN", 5, 2, RetryOn::NotPerformed),
                refresh: row("REFRESH", 5, 2, RetryOn::Unavailable),
                password: row("PASSWORD", 10, 2, RetryOn::NotPerformed),
                link: row("LINK", 5, 2, RetryOn::NotPerformed),
                validate_user: row("VALIDATE_USER", 5, 2, RetryOn::Unavailable),
                read: row("READ", 5, 3, RetryOn::Unavailable),
                list: row("LIST", 10, 3, RetryOn::Unavailable),
                write: row("WRITE", 10, 3, RetryOn::Unavailable),
            }
        );
    }

    #[test]
    fn every_deadline_and_attempt_count_is_configurable() {
        for row in
            ["SIGNUP", "LOGIN", "REFRESH", "PASSWORD", "LINK", "VALIDATE_USER", "READ", "LIST", "WRITE"]
        {
            let mut env = env([(&format!("{row}_DEADLINE"), "250ms"), (&format!("{row}_ATTEMPTS"), "7")]);
            let policies = Policies::from_env(&mut env);
            let policy = match row {
                "SIGNUP" => policies.signup,
                "LOGIN" => policies.login,
                "REFRESH" => policies.refresh,
                "PASSWORD" => policies.password,
                "LINK" => policies.link,
                "VALIDATE_USER" => policies.validate_user,
                "READ" => policies.read,
                "LIST" => policies.list,
                _ => policies.write,
            };
            assert_eq!((policy.deadline, policy.attempts), (Duration::from_millis(250), 7), "{row}");
        }
    }

    #[test]
    fn values_out_of_range_are_rejected() {
        let mut env = env([("READ_DEADLINE", "0s"), ("LIST_ATTEMPTS", "0"), ("WRITE_DEADLINE", "1h")]);
        Policies::from_env(&mut env);
        let error = env.finish().expect_err("all are bad").to_string();
        for name in ["READ_DEADLINE", "LIST_ATTEMPTS", "WRITE_DEADLINE"] {
            assert!(error.contains(name), "{name} is not in: {error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_of_a_step_is_never_later_than_that_of_the_request() {
        let policies = Policies::from_env(&mut env([("READ_DEADLINE", "1s")]));
        let request_policy = policies.read.start();
        assert_eq!(policies.validate_user.within(request_policy).deadline, request_policy.deadline);
        let request_policy = policies.list.start();
        let step = policies.validate_user.within(request_policy);
        assert_eq!(step.deadline, Instant::now() + Duration::from_secs(5));
        assert_eq!(step.attempts, 2);
    }
}
