//! The policy table: how long each kind of operation may take and how often it is tried.

use std::time::Duration;

use eventboard_chassis::{config::Env, server::MAX_DEADLINE};
use eventboard_client::{CallPolicy, RetryOn};
use tokio::time::Instant;

/// Attempts that can be asked for at most.
const MAX_ATTEMPTS: u32 = 10;

/// What one kind of operation is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// For the whole request, waits between attempts included.
    pub deadline: Duration,
    /// Attempts at most, the first included.
    pub attempts: u32,
    /// Which failures are tried again.
    pub retry_on: RetryOn,
    /// The beginning of the row's variables, for those who read about an operation.
    pub variables: &'static str,
}

/// The table, one row a kind of operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policies {
    /// `SIGNUP_DEADLINE` (5s), `SIGNUP_ATTEMPTS` (2).
    pub signup: Policy,
    /// Login and `ValidateUser`: `LOGIN_DEADLINE` (5s), `LOGIN_ATTEMPTS` (2).
    pub login: Policy,
    /// The caller, one event: `READ_DEADLINE` (5s), `READ_ATTEMPTS` (3).
    pub read: Policy,
    /// `LIST_DEADLINE` (10s), `LIST_ATTEMPTS` (3).
    pub list: Policy,
    /// Every change of an event: `WRITE_DEADLINE` (10s), `WRITE_ATTEMPTS` (3).
    pub write: Policy,
}

impl Policies {
    /// Reads the two variables of each row.
    pub fn from_env(env: &mut Env) -> Self {
        // Only signup is unprotected against happening twice: an event write carries a key, the
        // others change nothing that a repetition would change again.
        Self {
            signup: Policy::from_env(env, "SIGNUP", 5, 2, RetryOn::NotConnected),
            login: Policy::from_env(env, "LOGIN", 5, 2, RetryOn::Unavailable),
            read: Policy::from_env(env, "READ", 5, 3, RetryOn::Unavailable),
            list: Policy::from_env(env, "LIST", 10, 3, RetryOn::Unavailable),
            write: Policy::from_env(env, "WRITE", 10, 3, RetryOn::Unavailable),
        }
    }
}

impl Policy {
    fn from_env(
        env: &mut Env,
        variables: &'static str,
        seconds: u64,
        attempts: u32,
        retry_on: RetryOn,
    ) -> Self {
        let deadline = Duration::from_secs(seconds);
        Self {
            deadline: env.duration_within(&format!("{variables}_DEADLINE"), deadline, MAX_DEADLINE),
            attempts: env.number(&format!("{variables}_ATTEMPTS"), attempts, 1..=MAX_ATTEMPTS),
            retry_on,
            variables,
        }
    }

    /// The policy of a request that arrives now.
    pub(crate) fn start(self) -> CallPolicy {
        CallPolicy {
            deadline: Instant::now() + self.deadline,
            attempts: self.attempts,
            retry_on: self.retry_on,
        }
    }

    /// The policy of a step within a request: never longer than what is left of it.
    pub(crate) fn within(self, outer: CallPolicy) -> CallPolicy {
        let own = self.start();
        CallPolicy { deadline: own.deadline.min(outer.deadline), ..own }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::env;

    #[test]
    fn the_table_is_the_one_of_the_documentation() {
        let policies = Policies::from_env(&mut env([]));
        let row = |variables, seconds, attempts, retry_on| Policy {
            deadline: Duration::from_secs(seconds),
            attempts,
            retry_on,
            variables,
        };
        assert_eq!(
            policies,
            Policies {
                signup: row("SIGNUP", 5, 2, RetryOn::NotConnected),
                login: row("LOGIN", 5, 2, RetryOn::Unavailable),
                read: row("READ", 5, 3, RetryOn::Unavailable),
                list: row("LIST", 10, 3, RetryOn::Unavailable),
                write: row("WRITE", 10, 3, RetryOn::Unavailable),
            }
        );
    }

    #[test]
    fn every_figure_is_a_variable() {
        for row in ["SIGNUP", "LOGIN", "READ", "LIST", "WRITE"] {
            let mut env = env([(&format!("{row}_DEADLINE"), "250ms"), (&format!("{row}_ATTEMPTS"), "7")]);
            let policies = Policies::from_env(&mut env);
            let policy = match row {
                "SIGNUP" => policies.signup,
                "LOGIN" => policies.login,
                "READ" => policies.read,
                "LIST" => policies.list,
                _ => policies.write,
            };
            assert_eq!((policy.deadline, policy.attempts), (Duration::from_millis(250), 7), "{row}");
        }
    }

    #[test]
    fn figures_out_of_range_are_refused() {
        let mut env = env([("READ_DEADLINE", "0s"), ("LIST_ATTEMPTS", "0"), ("WRITE_DEADLINE", "1h")]);
        Policies::from_env(&mut env);
        let error = env.finish().expect_err("all are bad").to_string();
        for name in ["READ_DEADLINE", "LIST_ATTEMPTS", "WRITE_DEADLINE"] {
            assert!(error.contains(name), "{name} is not in: {error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_never_outlives_its_request() {
        let policies = Policies::from_env(&mut env([("READ_DEADLINE", "1s")]));
        let request = policies.read.start();
        assert_eq!(policies.login.within(request).deadline, request.deadline);
        let request = policies.list.start();
        let step = policies.login.within(request);
        assert_eq!(step.deadline, Instant::now() + Duration::from_secs(5));
        assert_eq!(step.attempts, 2);
    }
}
