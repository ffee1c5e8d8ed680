//! `/auth`.

mod login;
mod me;
mod notifications;
mod signup;
