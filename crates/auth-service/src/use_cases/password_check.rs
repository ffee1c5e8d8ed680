//! The check of a password.

use std::net::IpAddr;

use eventboard_chassis::{
    error::ServiceError,
    fairness::Client,
    server::{Deadline, Origin},
};

use eventboard_domain::Violations;

use super::{AuthUseCases, password_throttle::Reservation};
use crate::{
    password::{PasswordMatch, TypedPassword, WeakPassword},
    throttle::AccountAddress,
};

/// A password that somebody presents for an account.
pub(super) struct PresentedPassword<'a> {
    pub account: AccountAddress<'a>,
    pub password: &'a TypedPassword,
    /// The hash of the account's password. `None`: there is no account.
    pub hash: Option<&'a str>,
    /// The block of addresses that the caller belongs to.
    pub block: IpAddr,
}

/// A password that was checked.
pub(super) struct CheckedPassword {
    pub matched: PasswordMatch,
    /// The check, which is counted as wrong. If the password was right, what it allows clears the counters in its own transaction and
    /// then settles this. Without that, dropping it gives the check back: the user may try again.
    pub reservation: Reservation,
}

impl AuthUseCases {
    /// Checks a password. Every path on which somebody may guess passwords goes through here.
    ///
    /// # Errors
    /// `Throttled` after too many wrong ones, for the right one too.
    pub(super) async fn check_password(
        &self,
        presented: PresentedPassword<'_>,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<CheckedPassword, ServiceError> {
        let PresentedPassword { account, password, hash, block } = presented;
        let mut reservation = self.throttle.reserve(account, block, origin, deadline).await?;
        match self.passwords.verify(password, hash, Client::Address(block)).await {
            Ok(matched) => {
                if !matched.is_right() {
                    reservation.settle();
                }
                Ok(CheckedPassword { matched, reservation })
            }
            Err(error) => {
                reservation.give_back().await;
                Err(error)
            }
        }
    }
}

/// The error for a field with a password that is too easy to guess.
pub(super) fn weak_password(field: &'static str) -> ServiceError {
    let mut violations = Violations::default();
    violations.add(field, WeakPassword::MESSAGE);
    violations.into()
}
