//! The settings of an organization.

use eventboard_chassis::error::ServiceError;
use eventboard_domain::{AuditEvent, AuditTarget, OrganizationSettings, SettingsPatch};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    audit::{Actor, AuditEntry},
    error::db_error,
    statement::InstrumentStatement,
};

/// The settings of an organization that is locked.
#[derive(Debug, Clone)]
pub struct LockedSettings {
    /// The settings.
    pub settings: OrganizationSettings,
    /// Grows with every change.
    pub version: i64,
}

/// Locks an organization and reads its settings. `None`: there is no such organization.
///
/// # Errors
/// When the statement fails.
pub async fn lock_settings(
    connection: &mut PgConnection,
    organization_id: Uuid,
) -> Result<Option<LockedSettings>, ServiceError> {
    let row = sqlx::query!(
        r#"
        select name, "openSignup" as open_signup, "timeZone" as time_zone, version
        from "Organization" where id = $1 for no key update
        "#,
        organization_id
    )
    .fetch_optional(connection)
    .instrumented("LOCK Organization")
    .await
    .map_err(db_error)?;
    Ok(row.map(|row| LockedSettings {
        settings: OrganizationSettings {
            name: row.name,
            open_signup: row.open_signup,
            time_zone: row.time_zone,
        },
        version: row.version,
    }))
}

/// Changes the settings of an organization that is locked, and records that. Returns whether anything is different.
///
/// # Errors
/// When a statement fails.
pub async fn change_settings(
    connection: &mut PgConnection,
    organization_id: Uuid,
    locked: &LockedSettings,
    patch: SettingsPatch,
    actor: Actor<'_>,
) -> Result<bool, ServiceError> {
    let Some((after, change)) = patch.apply(&locked.settings) else { return Ok(false) };
    let OrganizationSettings { name, open_signup, time_zone } = after;
    sqlx::query!(
        r#"update "Organization" set name = $2, "openSignup" = $3, "timeZone" = $4 where id = $1"#,
        organization_id,
        name,
        open_signup,
        time_zone,
    )
    .execute(&mut *connection)
    .instrumented("UPDATE Organization")
    .await
    .map_err(db_error)?;
    let changed = AuditEntry {
        organization_id: Some(organization_id),
        actor,
        event: AuditEvent::SettingsChanged(change),
        target: Some(AuditTarget::organization(organization_id)),
    };
    changed.record(connection).await.map_err(db_error)?;
    Ok(true)
}
