//! The words of EventBoard: roles, statuses, and the rules for every text a caller may send.
//!
//! Pure functions without I/O. The gateway applies the rules to JSON before it calls a service, and
//! the services apply the same rules to what reaches them, because their ports can be dialled
//! without the gateway.

mod faults;
mod idempotency_key;
pub mod rules;
mod slug;
mod vocabulary;

pub use faults::{Fault, Faults};
pub use idempotency_key::check_idempotency_key;
pub use slug::slug;
pub use vocabulary::{EventStatus, Role, SortBy, SortOrder, UnknownWord, Vocabulary};
