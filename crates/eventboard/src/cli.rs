//! The command line.

mod organization;

use clap::{Args, Parser, Subcommand};
use eventboard_domain::{OutboxState, Role, UnknownVariant};
use uuid::Uuid;

pub(crate) use self::organization::{
    InviteArgs, MembersArgs, OrganizationCommand, SettingsArgs, TransferArgs,
};

/// Runs EventBoard locally and manages an installation.
///
#[cfg_attr(
    feature = "up",
    doc = "All commands except `up` and `healthcheck` use the database in DATABASE_URL. If it is not set, they use the
private database of this project, whether `eventboard up` is running or not."
)]
#[cfg_attr(not(feature = "up"), doc = "All commands except `healthcheck` use the database in DATABASE_URL.")]
///
/// Exit codes: 0 success, 1 failure, 2 invalid usage or configuration.
#[derive(Debug, Parser)]
#[command(name = "eventboard", version, verbatim_doc_comment)]
pub(crate) struct Cli {
    #[cfg(feature = "up")]
    #[command(subcommand)]
    command: Option<Command>,
    #[cfg(not(feature = "up"))]
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// The command to run. The default is `up`, if this binary includes it.
    pub(crate) fn into_command(self) -> Command {
        #[cfg(feature = "up")]
        return self.command.unwrap_or(Command::Up);
        #[cfg(not(feature = "up"))]
        self.command
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start PostgreSQL and the four services with demo data; Ctrl-C stops them (default)
    ///
    /// Uses the database in DATABASE_URL. If it is not set, starts a private PostgreSQL that stores its data in
    /// .eventboard/ (EVENTBOARD_HOME selects another folder). Nothing needs to be installed or configured.
    #[cfg(feature = "up")]
    Up,
    /// Bring the database schema up to date; set up the database roles
    ///
    /// If MIGRATE_DATABASE_URL has another role than DATABASE_URL, it must be a superuser or have CREATEROLE. The
    /// command then creates the role in DATABASE_URL, which can read and write but cannot change the schema, sets its
    /// password, and gives the schema to the role eventboard_owner, which nobody can log in as.
    Migrate,
    /// Insert the demo data; running it again adds only what is missing
    ///
    /// With --events, inserts organizations with many generated events instead, which show how fast lists and searches
    /// are. One transaction writes everything. If there are no events yet, it rebuilds the indexes of events at the end;
    /// other commands and the services wait for it.
    Seed(SeedArgs),
    /// Check the health of a service; exit code 0 means that it returned status 200
    ///
    /// By default it checks whether the service of this container is ready to accept requests. It does not use
    /// /health/live: a container that cannot serve requests should not count as healthy. The address is HOST (a loopback
    /// address if the service listens on all addresses), the port is PORT, else GATEWAY_PORT, else 3000.
    Healthcheck {
        /// URL to request, for example http://localhost:3000/health [default: /health/ready of this container]
        #[arg(long)]
        url: Option<String>,
    },
    /// List and remove idempotency keys
    #[command(subcommand)]
    Idempotency(IdempotencyCommand),
    /// List organizations and their members; invite people, change settings, hand events over, delete an organization
    #[command(subcommand)]
    Org(OrganizationCommand),
    /// List users, change their roles, disable, enable or delete them
    #[command(subcommand)]
    User(UserCommand),
    /// Show the history of an event
    #[command(subcommand)]
    Event(EventCommand),
    /// List mails in the outbox; send mails again that could not be sent
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Show who did what, newest first: signups, logins, and what operators changed
    Audit(AuditArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Show only the organization with this slug; without it, also what belongs to no organization
    #[arg(long, value_name = "SLUG")]
    pub organization: Option<String>,
    #[command(flatten)]
    pub list: ListArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SeedArgs {
    /// Allow it with APP_ENV=production, although the demo passwords are public
    #[arg(long)]
    pub force: bool,
    /// Insert this number of generated events instead of the demo data; a database can get them only once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub events: Option<u32>,
    /// Spread them over this number of organizations: a large one, one with 1,000 events, and equal ones
    #[arg(long, value_name = "M", default_value_t = 1, requires = "events",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub organizations: u32,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IdempotencyCommand {
    /// List the keys that have not expired, newest first
    List {
        /// List only the keys of the user with this email address
        #[arg(long, value_name = "EMAIL")]
        caller: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Remove keys; a request that reuses a removed key is performed again
    Clear(ClearArgs),
}

/// Selects the keys to remove. A key must match all conditions.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct ClearArgs {
    /// Remove keys with this value
    #[arg(long)]
    pub key: Option<String>,
    /// Remove keys of the user with this email address
    #[arg(long, value_name = "EMAIL")]
    pub caller: Option<String>,
    /// Remove all keys
    #[arg(long, conflicts_with_all = ["key", "caller"])]
    pub all: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// List users, sorted by email address
    List {
        /// List only the users of the organization with this slug
        #[arg(long, value_name = "SLUG")]
        org: Option<String>,
        /// List only users whose address belongs to an older account, next to that account: they log in with its exact spelling
        #[arg(long)]
        twins: bool,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Change a user's role in the organization; a mail tells the user
    Role {
        /// Email address of the user
        email: String,
        /// USER, MODERATOR or ADMIN
        #[arg(value_parser = parse_role)]
        role: Role,
        /// Allow it although no admin is left who can log in
        #[arg(long)]
        force: bool,
    },
    /// Set a user's password, which is asked for on the terminal or read from standard input; ends all sessions of the user
    Password {
        /// Email address of the user
        email: String,
    },
    /// Let the address of a user count as verified, because the user gets no mail with a link
    Verify {
        /// Email address of the user
        email: String,
    },
    /// List where a user is logged in, the last used session first
    Sessions {
        /// Email address of the user
        email: String,
        #[command(flatten)]
        list: ListArgs,
    },
    /// End a user's sessions, so that the user must log in again everywhere
    Revoke {
        /// Email address of the user
        email: String,
        /// End only the session with this id
        #[arg(long, value_name = "ID")]
        session: Option<Uuid>,
    },
    /// Disable a user, who can then no longer log in; the user's events stay, open invitations end, and a mail tells the user
    Disable {
        /// Email address of the user
        email: String,
        /// Allow it although no admin is left who can log in
        #[arg(long)]
        force: bool,
    },
    /// Enable a disabled user
    Enable {
        /// Email address of the user
        email: String,
    },
    /// Delete a user, and the events that are not approved; a mail tells the user
    ///
    /// Approved events stay under the name "Former member". The last member takes the organization along.
    Delete {
        /// Email address of the user
        email: String,
        /// Allow it although no admin is left who can log in, or no member at all
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum EventCommand {
    /// Show who created, submitted, approved, rejected or deleted an event, and when; includes deleted events
    History {
        /// Id of the event
        id: Uuid,
        #[command(flatten)]
        list: ListArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum OutboxCommand {
    /// List mails, newest first
    List {
        /// List only mails in this state: DUE, DONE or DEAD
        #[arg(long, value_parser = parse_outbox_state)]
        state: Option<OutboxState>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Send DEAD mails again, and DUE mails that wait for another attempt without waiting, for example after the settings
    /// of the server were corrected
    Retry(FailedMails),
    /// Delete DEAD mails, for example those to an address that does not exist
    Discard(DeadMails),
}

/// Selects DEAD mails, and DUE mails that wait for another attempt.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct FailedMails {
    /// Ids of such mails
    #[arg(value_name = "ID")]
    pub ids: Vec<Uuid>,
    /// All DEAD mails
    #[arg(long)]
    pub dead: bool,
    /// All DUE mails that wait for another attempt
    #[arg(long)]
    pub due: bool,
}

/// Selects DEAD mails.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct DeadMails {
    /// Ids of DEAD mails
    #[arg(value_name = "ID")]
    pub ids: Vec<Uuid>,
    /// All DEAD mails
    #[arg(long)]
    pub dead: bool,
}

/// Options of every list command.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ListArgs {
    /// Maximum number of rows
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
    /// Print an array of objects instead of a table
    #[arg(long)]
    pub json: bool,
}

impl ListArgs {
    /// One row more than is shown, to detect whether more rows exist.
    pub(crate) fn fetch_limit(self) -> i64 {
        i64::from(self.limit) + 1
    }
}

fn parse_outbox_state(text: &str) -> Result<OutboxState, UnknownVariant> {
    text.to_uppercase().parse()
}

fn parse_role(text: &str) -> Result<Role, UnknownVariant> {
    text.to_uppercase().parse()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn clear_requires_a_key_a_caller_or_all() {
        let is_valid = |arguments: &str| Cli::try_parse_from(arguments.split(' ')).is_ok();
        assert!(!is_valid("eventboard idempotency clear"));
        assert!(!is_valid("eventboard idempotency clear --all --key a"));
        assert!(is_valid("eventboard idempotency clear --key a --caller b@example.org"));
    }

    #[test]
    fn retry_requires_ids_or_dead() {
        let is_valid = |arguments: &str| Cli::try_parse_from(arguments.split(' ')).is_ok();
        let id = Uuid::nil();
        assert!(!is_valid("eventboard outbox retry"));
        assert!(!is_valid("eventboard outbox retry 5"));
        assert!(!is_valid(&format!("eventboard outbox retry {id} --dead")));
        assert!(is_valid(&format!("eventboard outbox retry {id} {id}")));
        assert!(is_valid("eventboard outbox retry --dead"));
        assert!(is_valid("eventboard outbox retry --due"));
        assert!(!is_valid("eventboard outbox retry --due --dead"));
    }

    #[test]
    fn a_role_is_parsed_in_any_letter_case() {
        assert_eq!(parse_role("moderator"), Ok(Role::Moderator));
        assert!(parse_role("owner").is_err());
    }
}
