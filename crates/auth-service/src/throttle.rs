//! What is known about the checks of passwords: under what they are counted, and how that went.

use std::net::IpAddr;

use eventboard_chassis::account_key::AccountKey;
use eventboard_domain::{Refusal, ThrottleLimit};

use crate::user::User;

/// The address of an account, whether or not the account exists.
#[derive(Clone, Copy)]
pub(crate) struct AccountAddress<'a> {
    /// The e-mail address in the form in which addresses are compared.
    pub compared_email: &'a str,
    pub user: Option<&'a User>,
}

/// Under what a check is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThrottleKey {
    pub account: AccountKey,
    /// The block of addresses that the caller belongs to.
    pub block: IpAddr,
}

/// What a check has counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CountedCheck {
    pub key: ThrottleKey,
    /// The number of the lock that it has begun. 0: none.
    pub lock: i32,
}

/// A check that is not counted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RefusedCheck {
    pub limit: ThrottleLimit,
    pub refusal: Refusal,
}
