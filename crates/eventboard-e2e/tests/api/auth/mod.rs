//! `/auth`.

mod login;
mod me;
mod notifications;
mod password;
mod signup;
