//! Who may log in.

use crate::Refusal;

/// How the account stands that an e-mail address belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// It may be used.
    Enabled,
    /// An operator has locked it.
    Disabled,
}

/// Why a login fails. For the log alone: a caller is told the same for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginFailure {
    /// Nobody has the e-mail address.
    UnknownUser,
    /// The password is not the user's.
    WrongPassword,
    /// The password is right, but the account is disabled.
    DisabledUser,
}

impl LoginFailure {
    /// As the log says it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::UnknownUser => "unknown user",
            Self::WrongPassword => "wrong password",
            Self::DisabledUser => "disabled user",
        }
    }
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

/// Decides on a login. It is asked after the password was verified, so that every refusal took the
/// same work.
///
/// # Errors
/// Why the login fails.
pub fn admit(account: Option<AccountState>, password_matches: bool) -> Result<(), LoginFailure> {
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
    fn only_the_right_password_of_an_enabled_user_is_admitted() {
        use AccountState::{Disabled, Enabled};
        for (account, matches, expected) in [
            (Some(Enabled), true, Ok(())),
            (Some(Enabled), false, Err(LoginFailure::WrongPassword)),
            (Some(Disabled), true, Err(LoginFailure::DisabledUser)),
            (Some(Disabled), false, Err(LoginFailure::WrongPassword)),
            (None, false, Err(LoginFailure::UnknownUser)),
            (None, true, Err(LoginFailure::UnknownUser)),
        ] {
            assert_eq!(admit(account, matches), expected);
        }
    }

    #[test]
    fn a_caller_is_told_the_same_for_every_failure() {
        for failure in [LoginFailure::UnknownUser, LoginFailure::WrongPassword, LoginFailure::DisabledUser] {
            assert_eq!(Refusal::from(failure), Refusal::WrongCredentials);
        }
    }
}
