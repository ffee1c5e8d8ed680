//! The command line of `eventboard org`.

use clap::{Args, Subcommand};
use eventboard_domain::{Role, rules};
use uuid::Uuid;

use super::{ListArgs, parse_role};

#[derive(Debug, Subcommand)]
pub(crate) enum OrganizationCommand {
    /// List organizations, sorted by slug
    List(ListArgs),
    /// Show an organization, and what it uses of its quotas
    ///
    /// The quotas are the settings of this process, so run the command where the services run.
    Show {
        /// Slug or id of the organization, for example acme-corp
        organization: String,
        /// Print an object instead of tables
        #[arg(long)]
        json: bool,
    },
    /// Allow users to join by signing up with the organization's id
    Open {
        /// Slug of the organization, for example acme-corp
        slug: String,
    },
    /// Stop users from joining by signup; existing users stay
    Close {
        /// Slug of the organization, for example acme-corp
        slug: String,
    },
    /// Show the settings of an organization; with options, change them first
    Settings(SettingsArgs),
    /// List the members of an organization, sorted by last name and first name
    Members(MembersArgs),
    /// Invite somebody to join an organization; a mail has the link
    Invite(InviteArgs),
    /// List the invitations that wait for an answer, newest first
    Invitations {
        /// Slug of the organization, for example acme-corp
        slug: String,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Withdraw an invitation, so that its link no longer works
    Uninvite {
        /// Slug of the organization, for example acme-corp
        slug: String,
        /// Id of the invitation
        id: Uuid,
    },
    /// Hand all events of a member over to another member, for example before the first one is deleted
    Transfer(TransferArgs),
    /// Delete an organization with its members and its events; mails tell the members
    Delete {
        /// Slug of the organization, for example acme-corp
        slug: String,
        /// Delete it; without this option, the command only says what would be deleted
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SettingsArgs {
    /// Slug of the organization, for example acme-corp
    pub slug: String,
    /// Change the name; the slug stays
    #[arg(long, value_parser = rules::organization_name)]
    pub name: Option<String>,
    /// Change whether users may join by signing up with the organization's id
    #[arg(long, value_name = "BOOLEAN")]
    pub open_signup: Option<bool>,
    /// Change the time zone of members who have not chosen one, for example to Europe/Berlin
    #[arg(long, value_name = "ZONE", value_parser = rules::time_zone)]
    pub time_zone: Option<String>,
    /// Print an object instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MembersArgs {
    /// Slug of the organization, for example acme-corp
    pub slug: String,
    /// List only members with this role: USER, MODERATOR or ADMIN
    #[arg(long, value_parser = parse_role)]
    pub role: Option<Role>,
    /// List only members with these words, or the beginnings of them, in the name or the email address
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// List only members who cannot log in
    #[arg(long)]
    pub disabled: bool,
    #[command(flatten)]
    pub list: ListArgs,
}

#[derive(Debug, Args)]
pub(crate) struct InviteArgs {
    /// Slug of the organization, for example acme-corp
    pub slug: String,
    /// Email address of the person
    #[arg(value_parser = rules::email)]
    pub email: String,
    /// Role of the new member: USER, MODERATOR or ADMIN
    #[arg(long, default_value_t = Role::User, value_parser = parse_role)]
    pub role: Role,
    /// Print an object instead of a sentence
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TransferArgs {
    /// Slug of the organization, for example acme-corp
    pub slug: String,
    /// Email address of the present owner, or the id of one who was deleted
    #[arg(long, value_name = "EMAIL|ID")]
    pub from: String,
    /// Email address of the new owner
    #[arg(long, value_name = "EMAIL")]
    pub to: String,
}
