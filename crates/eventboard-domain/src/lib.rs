//! What EventBoard is about: the words (roles, statuses), the rules for every text that a caller may send, and the
//! decisions: who may do what in which status, and every refusal.
//!
//! Pure functions without I/O and without a clock. The gateway applies the rules to JSON before it calls a service, and
//! the services apply the same rules to what reaches them, because their ports can be dialled without the gateway. A
//! decision takes what was found in the database and says what is to be written there.

mod event;
mod event_action;
mod faults;
mod idempotency_key;
mod identity;
mod login;
mod refusal;
pub mod rules;
mod signup;
mod slug;
mod vocabulary;
mod workflow;

pub use event::{Event, EventPatch, NewEvent};
pub use event_action::EventAction;
pub use faults::{Fault, Faults};
pub use idempotency_key::check_idempotency_key;
pub use identity::Identity;
pub use login::{AccountState, LoginFailure, admit};
pub use refusal::Refusal;
pub use signup::{Membership, Obstacles};
pub use slug::slug;
pub use vocabulary::{EventStatus, HistoryAction, Role, SortBy, SortOrder, UnknownWord, Vocabulary};
pub use workflow::{Effect, EventChange, IfMatch, Visibility};
