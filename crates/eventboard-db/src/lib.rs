//! PostgreSQL access for the services: connection pool, migrations, instrumented statements and error mapping.

mod account_link;
mod as_text;
mod audit;
mod audit_retention;
mod config;
mod connect;
mod email_normalization;
mod error;
mod folding;
mod invitation;
mod members;
mod migrations;
mod outbox;
mod pool;
mod progress;
mod removal;
mod requested_mail;
mod roles;
mod schema;
mod sessions;
mod settings;
mod statement;
mod usage;

pub use self::{
    account_link::{insert_link, withdraw_links},
    as_text::AsText,
    audit::{Actor, AuditEntry},
    audit_retention::delete_old_audit_entries,
    config::DatabaseConfig,
    connect::connect,
    error::{OnConstraint, db_error},
    folding::{FoldedBatch, FoldingPass},
    invitation::{
        OpenInvitation, create_invitation, end_invitation, load_open_invitations, load_own_invitations,
    },
    members::{
        LockedMember, MemberWrite, change_member, lock_member, lock_organization, record_transfer,
        transfer_some_events,
    },
    migrations::migrate,
    outbox::{AccountMail, Recipient, write_password_reset},
    pool::{Database, Lease},
    removal::{Removal, delete_organization, lock_for_removal, lock_organization_for_removal, remove_member},
    requested_mail::{count_requested_mail, may_get_requested_mail},
    sessions::end_all_sessions,
    settings::{LockedSettings, change_settings, lock_settings},
    statement::InstrumentStatement,
    usage::count_usage,
};
