//! `eventboard user password`: sets the password of a user who cannot.

use std::io::{self, BufRead, IsTerminal};

use anyhow::{Context, ensure};
use argon2::{Argon2, PasswordHasher};
use eventboard_chassis::correlation::CorrelationId;
use eventboard_db::{AccountMail, Recipient, withdraw_links};
use eventboard_domain::{AuditEvent, rules};

use super::{change_user, sessions::end_all};
use crate::output;

/// Sets the password, ends all sessions of the user, withdraws their open links, and tells the user by mail.
pub(super) async fn set(email: &str) -> anyhow::Result<()> {
    let password = rules::new_password(&read_password()?);
    let password = password.map_err(|violation| anyhow::anyhow!("the password {violation}"))?;
    // The parameters are those of auth-service. If they differ, it replaces the hash at the next login.
    let hash =
        Argon2::default().hash_password(password.as_bytes()).context("the password cannot be hashed")?;
    let hash = hash.to_string();
    let email = change_user(email, async |transaction, user| {
        sqlx::query!(
            r#"update "User" set "passwordHash" = $2, "passwordVersion" = "passwordVersion" + 1 where id = $1"#,
            user.id,
            hash
        )
        .execute(&mut *transaction)
        .await?;
        let mut events = end_all(transaction, user.id).await?;
        withdraw_links(transaction, user.id).await?;
        let recipient = Recipient { organization_id: user.organization_id, user_id: user.id };
        AccountMail::PasswordChanged.write(transaction, recipient, &CorrelationId::new()).await?;
        events.push(AuditEvent::PasswordChanged {});
        Ok(events)
    })
    .await?;
    output::print(&format!("{email} has a new password and must log in again everywhere. A mail says so.\n"))
}

/// Asks twice on a terminal, which does not show the password. Otherwise, reads the first line of standard input.
fn read_password() -> anyhow::Result<String> {
    let cannot_read = "the password cannot be read";
    if io::stdin().is_terminal() {
        let password = rpassword::prompt_password("New password: ").context(cannot_read)?;
        let repeated = rpassword::prompt_password("Repeat it: ").context(cannot_read)?;
        ensure!(password == repeated, "the two passwords differ");
        return Ok(password);
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).context(cannot_read)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
