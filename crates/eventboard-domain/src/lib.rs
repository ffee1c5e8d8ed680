//! The domain of EventBoard: enums (roles, statuses), validation rules, decisions (who may perform which action in
//! which status) and the business errors.
//!
//! All functions are pure: no I/O and no clock. The gateway applies the rules to JSON before it calls a service. The
//! services apply the same rules again, because clients can call their ports without the gateway. A decision takes
//! the data that was read from the database and returns the data to write.

mod account_link;
mod audit;
mod changed;
mod characters;
mod email;
mod escape;
mod event;
mod event_action;
mod excerpt;
mod fold;
mod folded_texts;
mod idempotency_key;
mod identity;
mod invitation;
mod login;
mod mail;
mod mail_domain;
mod member;
mod password;
mod preconditions;
mod quota;
mod quotas;
mod refusal;
pub mod rules;
mod session;
mod settings;
mod signup;
mod slug;
mod string_enum;
mod text;
mod throttle;
mod violations;
mod workflow;

pub use account_link::{
    EMAIL_CHANGE_LIFETIME, LinkPurpose, MAX_REQUESTED_MAILS_A_DAY, MAX_REQUESTED_MAILS_AN_HOUR,
};
pub use audit::{AuditEvent, AuditTarget};
pub use changed::Changed;
pub use email::normalize_email;
pub use escape::{escape, escape_json};
pub use event::{Event, EventPatch, NewEvent};
pub use event_action::EventAction;
pub use excerpt::excerpt;
pub use fold::fold;
pub use folded_texts::FoldedTexts;
pub use idempotency_key::check_idempotency_key;
pub use identity::{Identity, TokenSession};
pub use invitation::{
    INVITATION_LIFETIME, InvitationCounts, MAX_INVITATIONS_A_DAY, MAX_OPEN_INVITATIONS, NewInvitation,
};
pub use login::{AccountState, check_login};
pub use member::{FORMER_MEMBER, MemberChange, MemberState, OtherMembers};
pub use password::prepare_password;
pub use preconditions::{EntityTags, Preconditions};
pub use quota::Quota;
pub use quotas::{ByteLimit, Growth, Quotas, ROW_BYTES, StorageUsage};
pub use refusal::Refusal;
pub use session::{MAX_SESSIONS, RefreshCount, RefreshOutcome, SessionState};
pub use settings::{OrganizationSettings, SettingsChange, SettingsPatch};
pub use signup::{Membership, SignupPreconditions};
pub use slug::slug;
pub use string_enum::{
    AuditAction, AuditTargetType, DecisionMails, EventStatus, HistoryAction, InvitationEnd, LinkKind,
    LoginFailure, MailKind, OutboxState, Role, SessionEnd, SortBy, SortOrder, StringEnum, ThrottleLimit,
    UnknownVariant,
};
pub use throttle::{
    AccountCount, AccountFailures, AddressCount, AddressFailures, KNOWN_ADDRESS_DAYS, Lock, LockPhase,
    MAX_KNOWN_ADDRESSES,
};
pub use violations::{Violation, Violations};
pub use workflow::{Effect, EventChange, Visibility};
