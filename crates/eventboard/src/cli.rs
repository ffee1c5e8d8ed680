//! The command line.

use clap::{Args, Parser, Subcommand};
use eventboard_domain::{Role, UnknownWord};
use uuid::Uuid;

/// Runs EventBoard and answers an operator's questions.
///
#[cfg_attr(
    feature = "up",
    doc = "Every command but `up` and `healthcheck` works on the database that DATABASE_URL names, else on the private
one of this project, whether `eventboard up` is running or not."
)]
#[cfg_attr(
    not(feature = "up"),
    doc = "Every command but `healthcheck` works on the database that DATABASE_URL names."
)]
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
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
    /// What to do: by default `up`, where there is one.
    pub(crate) fn into_command(self) -> Command {
        #[cfg(feature = "up")]
        return self.command.unwrap_or(Command::Up);
        #[cfg(not(feature = "up"))]
        self.command
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start PostgreSQL and the three services, with demo data, until Ctrl-C (the default)
    ///
    /// PostgreSQL is the one of DATABASE_URL, else a private one whose data stay in .eventboard/
    /// (EVENTBOARD_HOME names another folder). Nothing needs to be installed or configured.
    #[cfg(feature = "up")]
    Up,
    /// Bring the database schema up to date
    Migrate,
    /// Put the demo data into the database; repeating it adds only what is missing
    Seed {
        /// Also with APP_ENV=production, where everybody knows the passwords of the demo users
        #[arg(long)]
        force: bool,
    },
    /// Ask a service for its health: exit code 0 when it answers 200
    ///
    /// The default asks whether the service of this container is ready for work (not for /health/live: a
    /// container that cannot do its work should not count as healthy). The port is PORT, else GATEWAY_PORT,
    /// else 3000.
    Healthcheck {
        /// What to ask for, for instance http://localhost:3000/health [default: /health/ready of this container]
        #[arg(long)]
        url: Option<String>,
    },
    /// Look at idempotency keys and remove them
    #[command(subcommand)]
    Idempotency(IdempotencyCommand),
    /// List organizations; open them to anybody who signs up, or close them
    #[command(subcommand)]
    Org(OrganizationCommand),
    /// List users, change their roles, disable and enable them
    #[command(subcommand)]
    User(UserCommand),
    /// Look at what happened to an event
    #[command(subcommand)]
    Event(EventCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum IdempotencyCommand {
    /// Keys that are still in force, the newest first
    List {
        /// Only those of the user with this e-mail address
        #[arg(long, value_name = "EMAIL")]
        caller: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Remove keys, so that the same key performs its request again
    Clear(ClearArgs),
}

/// Which keys to remove: those that meet all conditions.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct ClearArgs {
    /// Those with this value
    #[arg(long)]
    pub key: Option<String>,
    /// Those of the user with this e-mail address
    #[arg(long, value_name = "EMAIL")]
    pub caller: Option<String>,
    /// All of them
    #[arg(long, conflicts_with_all = ["key", "caller"])]
    pub all: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrganizationCommand {
    /// Organizations by slug
    List(ListArgs),
    /// Let anybody join who signs up with the organization's id
    Open {
        /// The organization, for instance acme-corp
        slug: String,
    },
    /// Let nobody join by signing up any more; its users stay
    Close {
        /// The organization, for instance acme-corp
        slug: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Users by e-mail address
    List {
        /// Only those of the organization with this slug
        #[arg(long, value_name = "SLUG")]
        org: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Give a user another role within the organization
    Role {
        /// The user's e-mail address
        email: String,
        /// USER, MODERATOR or ADMIN
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Keep a user out; the user's events stay
    Disable {
        /// The user's e-mail address
        email: String,
    },
    /// Let a disabled user in again
    Enable {
        /// The user's e-mail address
        email: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum EventCommand {
    /// Who created, submitted, approved, rejected or deleted an event, and when; also of a deleted one
    History {
        /// The event's id
        id: Uuid,
        #[command(flatten)]
        list: ListArgs,
    },
}

/// What every list can be told.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ListArgs {
    /// Rows at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
    /// Print an array of objects instead of a table
    #[arg(long)]
    pub json: bool,
}

impl ListArgs {
    /// One row more than is shown, which tells whether there are more.
    pub(crate) fn fetch(self) -> i64 {
        i64::from(self.limit) + 1
    }
}

fn role(word: &str) -> Result<Role, UnknownWord> {
    word.to_uppercase().parse()
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
    fn clearing_wants_to_be_told_what() {
        let parses = |arguments: &str| Cli::try_parse_from(arguments.split(' ')).is_ok();
        assert!(!parses("eventboard idempotency clear"));
        assert!(!parses("eventboard idempotency clear --all --key a"));
        assert!(parses("eventboard idempotency clear --key a --caller b@example.org"));
    }

    #[test]
    fn a_role_is_understood_in_any_case() {
        assert_eq!(role("moderator"), Ok(Role::Moderator));
        assert!(role("owner").is_err());
    }
}
