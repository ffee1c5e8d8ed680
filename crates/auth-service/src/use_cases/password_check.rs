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
    store::Account,
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

impl<'a> PresentedPassword<'a> {
    /// The password that a caller who is signed in presents for their own account.
    pub(super) fn of_caller(
        account: &'a Account,
        compared_email: &'a str,
        password: &'a TypedPassword,
        block: IpAddr,
    ) -> Self {
        Self {
            account: AccountAddress { compared_email, user: Some(&account.user) },
            password,
            hash: Some(&account.password_hash),
            block,
        }
    }
}

impl AuthUseCases {
    /// Checks the password of a caller who is signed in, as [`Self::check_password`] does.
    ///
    /// # Errors
    /// `InvalidInput` with this field when it is wrong.
    pub(super) async fn check_callers_password(
        &self,
        presented: PresentedPassword<'_>,
        field: &'static str,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<Reservation, ServiceError> {
        let CheckedPassword { matched, reservation } =
            self.check_password(presented, origin, deadline).await?;
        if matched.is_right() { Ok(reservation) } else { Err(wrong_password(field)) }
    }

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

/// The error for a field with a wrong password of a caller who is signed in. It is no 401, because clients end their session then.
pub(super) fn wrong_password(field: &'static str) -> ServiceError {
    Violations::one(field, "is wrong").into()
}

/// The error for a field with a password that is too easy to guess.
pub(super) fn weak_password(field: &'static str) -> ServiceError {
    Violations::one(field, WeakPassword::MESSAGE).into()
}
