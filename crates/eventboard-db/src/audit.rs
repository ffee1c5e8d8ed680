//! The audit: who did what in an organization, besides what happened to its events. The stores of the services and the
//! operator's commands record it in the transaction of what it is about. Entries are never changed.

use eventboard_chassis::server::Origin;
use eventboard_domain::{AuditEvent, AuditTarget};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::statement::InstrumentStatement;

/// The value of `client` in what the operator does.
const OPERATOR: &str = "eventboard (operator)";

/// An entry of the audit.
#[derive(Debug)]
pub struct AuditEntry<'a> {
    /// The organization whose admins see the entry. `None`: only the operator sees it.
    pub organization_id: Option<Uuid>,
    /// Who did it.
    pub actor: Actor<'a>,
    /// What was done.
    pub event: AuditEvent,
    /// What it was done to.
    pub target: Option<AuditTarget>,
}

/// Who did something.
#[derive(Debug, Clone, Copy)]
pub enum Actor<'a> {
    /// A user. `None`: somebody who could not log in as a user.
    Client {
        /// The user.
        user_id: Option<Uuid>,
        /// Where the call came from.
        origin: &'a Origin,
    },
    /// Somebody who was not signed in, and whose request was answered before.
    Anonymous {
        /// The block of the client's address, if it is known.
        address: Option<&'a str>,
        /// What the client said it was.
        client: Option<&'a str>,
        /// The correlation ID of the request.
        correlation_id: &'a str,
    },
    /// The operator, with a command.
    Operator,
}

impl Actor<'_> {
    /// The user who did it, if it was one.
    pub fn user_id(&self) -> Option<Uuid> {
        match self {
            Self::Client { user_id, origin: _ } => *user_id,
            Self::Anonymous { address: _, client: _, correlation_id: _ } | Self::Operator => None,
        }
    }
}

impl AuditEntry<'_> {
    /// Records the entry.
    ///
    /// # Errors
    /// When the statement fails.
    pub async fn record(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        let Self { organization_id, actor, event, target } = self;
        let (actor_id, address, client, correlation_id) = match actor {
            Actor::Client { user_id, origin: Origin { address, client, correlation_id } } => {
                (*user_id, Some(&**address), client.as_deref(), Some(correlation_id.as_str()))
            }
            Actor::Anonymous { address, client, correlation_id } => {
                (None, *address, *client, Some(*correlation_id))
            }
            Actor::Operator => (None, None, Some(OPERATOR), None),
        };
        sqlx::query!(
            r#"
            insert into "AuditEntry" ("organizationId", "actorId", action, "targetType", "targetId", address, client,
                "correlationId", details)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            "#,
            *organization_id,
            actor_id,
            event.action().as_str(),
            target.map(|target| target.kind.as_str()),
            target.map(|target| target.id),
            address,
            client,
            correlation_id,
            Json(event) as _,
        )
        .execute(connection)
        .instrumented("INSERT AuditEntry")
        .await?;
        Ok(())
    }
}
