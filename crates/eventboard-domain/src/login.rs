//! The rules of login.

use crate::{LoginFailure, Refusal};

/// The state of a user's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// The user may log in.
    Enabled,
    /// An operator disabled the account.
    Disabled,
}

impl From<LoginFailure> for Refusal {
    fn from(failure: LoginFailure) -> Self {
        match failure {
            LoginFailure::UnknownUser | LoginFailure::WrongPassword | LoginFailure::DisabledUser => {
                Self::WrongCredentials
            }
        }
    }
}

/// Decides whether the login succeeds. Call it after the password was verified, so that every failed login takes the
/// same time.
///
/// # Errors
/// Returns the reason why the login fails.
pub fn check_login(account: Option<AccountState>, password_matches: bool) -> Result<(), LoginFailure> {
    match (account, password_matches) {
        (None, _) => Err(LoginFailure::UnknownUser),
        (Some(_), false) => Err(LoginFailure::WrongPassword),
        (Some(AccountState::Disabled), true) => Err(LoginFailure::DisabledUser),
        (Some(AccountState::Enabled), true) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_succeeds_only_with_the_right_password_of_an_enabled_user() {
        use AccountState::{Disabled, Enabled};
        for (account, matches, expected) in [
            (Some(Enabled), true, Ok(())),
            (Some(Enabled), false, Err(LoginFailure::WrongPassword)),
            (Some(Disabled), true, Err(LoginFailure::DisabledUser)),
            (Some(Disabled), false, Err(LoginFailure::WrongPassword)),
            (None, false, Err(LoginFailure::UnknownUser)),
            (None, true, Err(LoginFailure::UnknownUser)),
        ] {
            assert_eq!(check_login(account, matches), expected);
        }
    }

    #[test]
    fn every_login_failure_gives_the_same_refusal() {
        for failure in LoginFailure::ALL {
            assert_eq!(Refusal::from(*failure), Refusal::WrongCredentials);
        }
    }
}
