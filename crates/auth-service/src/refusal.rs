//! What callers are told when they are refused, each in one place.

use eventboard_chassis::error::{ErrorCode, ServiceError};

/// The e-mail address belongs to a user already, in whatever case it is written.
pub(crate) fn email_taken() -> ServiceError {
    ServiceError::new(ErrorCode::AlreadyExists, "A user with this e-mail address exists already.")
}

/// An organization of this name, or of one with the same slug, exists already.
pub(crate) fn organization_taken(name: &str) -> ServiceError {
    ServiceError::new(ErrorCode::AlreadyExists, format!("The organization name \"{name}\" is taken."))
}

/// There is no organization with the id.
pub(crate) fn organization_unknown() -> ServiceError {
    ServiceError::new(ErrorCode::NotFound, "There is no organization with this id.")
}

/// The organization does not allow open signup.
pub(crate) fn organization_closed() -> ServiceError {
    ServiceError::new(ErrorCode::Forbidden, "This organization does not allow open signup.")
}

/// The login failed. Whether the user is unknown, disabled or mistyped the password is not told.
pub(crate) fn wrong_credentials() -> ServiceError {
    ServiceError::new(ErrorCode::Unauthenticated, "The e-mail address or the password is wrong.")
}

/// The token is genuine, but its user is gone, disabled, or has another role or organization by now.
pub(crate) fn token_outdated() -> ServiceError {
    ServiceError::new(ErrorCode::Unauthenticated, "This token is no longer valid. Log in again.")
}
