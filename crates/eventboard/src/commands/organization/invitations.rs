//! `eventboard org invite`, `invitations` and `uninvite`: who may join an organization.

use anyhow::{Context, ensure};
use eventboard_chassis::correlation::CorrelationId;
use eventboard_db::{Actor, OpenInvitation, create_invitation, end_invitation, load_open_invitations};
use eventboard_domain::{InvitationEnd, NewInvitation, Role};
use serde::Serialize;
use sqlx::Connection;
use uuid::Uuid;

use super::lock;
use crate::{
    cli::{InviteArgs, ListArgs},
    commands::{explain_refusal, lookup::find_organization},
    database,
    output::{self, Row},
};

/// An invitation that waits for an answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Invitation {
    id: Uuid,
    email: String,
    role: Role,
    created_at: String,
    expires_at: String,
}

impl Row for Invitation {
    const HEADINGS: &'static [&'static str] = &["EMAIL", "ROLE", "CREATED", "EXPIRES", "ID"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.email.clone(),
            self.role.to_string(),
            self.created_at.clone(),
            self.expires_at.clone(),
            self.id.to_string(),
        ]
    }
}

impl From<OpenInvitation> for Invitation {
    fn from(invitation: OpenInvitation) -> Self {
        let OpenInvitation { id, email, role, created_at, expires_at } = invitation;
        Self {
            id,
            email,
            role: role.0,
            created_at: output::timestamp(created_at),
            expires_at: output::timestamp(expires_at),
        }
    }
}

/// Invites somebody. Only the mail has the link.
pub(super) async fn invite(args: InviteArgs) -> anyhow::Result<()> {
    let InviteArgs { slug, email, role, json } = args;
    let new = NewInvitation { email, role };
    let (slug, invitation) = database::with_connection(async |connection| {
        let mut transaction = connection.begin().await?;
        let organization = lock(&mut transaction, &slug).await?;
        let correlation = CorrelationId::new();
        let id =
            create_invitation(&mut transaction, organization.id, &new, Actor::Operator, &correlation).await;
        let id = id.map_err(explain_refusal)?;
        let created = load_open_invitations(&mut transaction, organization.id).await?;
        let created = created.into_iter().find(|invitation| invitation.id == id);
        transaction.commit().await?;
        Ok((organization.slug, Invitation::from(created.context("the invitation has ended already")?)))
    })
    .await?;
    let text = if json {
        output::json(&invitation)?
    } else {
        let Invitation { id, email, role, created_at: _, expires_at } = invitation;
        format!(
            "{email} may join {slug} as {role} until {expires_at} (invitation {id}). The mail is on its way.\n"
        )
    };
    output::print(&text)
}

/// Lists the invitations that wait for an answer.
pub(super) async fn list(slug: &str, list: ListArgs) -> anyhow::Result<()> {
    let invitations = database::with_connection(async |connection| {
        let organization = find_organization(connection, slug).await?;
        Ok(load_open_invitations(connection, organization.id).await?)
    })
    .await?;
    output::list(invitations.into_iter().map(Invitation::from).collect(), list)
}

/// Withdraws an invitation.
pub(super) async fn withdraw(slug: &str, id: Uuid) -> anyhow::Result<()> {
    let slug = database::with_connection(async |connection| {
        let mut transaction = connection.begin().await?;
        let organization = lock(&mut transaction, slug).await?;
        let reason = InvitationEnd::Withdrawn;
        let is_withdrawn =
            end_invitation(&mut transaction, organization.id, id, reason, Actor::Operator).await?;
        ensure!(
            is_withdrawn,
            "there is no open invitation {id}; `eventboard org invitations {}` lists those that are",
            organization.slug
        );
        transaction.commit().await?;
        Ok(organization.slug)
    })
    .await?;
    output::print(&format!("The invitation {id} to {slug} is withdrawn; its link no longer works.\n"))
}
