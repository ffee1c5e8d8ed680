//! `eventboard org settings`, `open` and `close`: the settings of an organization.

use anyhow::Context;
use eventboard_db::{Actor, change_settings, lock_settings};
use eventboard_domain::SettingsPatch;
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::signup_state;
use crate::{
    cli::SettingsArgs,
    commands::lookup::{find_organization, no_organization},
    database,
    output::{self, Row},
};

/// The settings of an organization.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    id: Uuid,
    slug: String,
    name: String,
    open_signup: bool,
    time_zone: String,
}

impl Row for Settings {
    const HEADINGS: &'static [&'static str] = &["SLUG", "NAME", "SIGNUP", "TIME ZONE"];

    fn cells(&self) -> Vec<String> {
        vec![self.slug.clone(), self.name.clone(), signup_state(self.open_signup), self.time_zone.clone()]
    }
}

/// Changes the settings, and shows them.
pub(super) async fn run(args: SettingsArgs) -> anyhow::Result<()> {
    let SettingsArgs { slug, name, open_signup, time_zone, json } = args;
    let settings = change(&slug, SettingsPatch { name, open_signup, time_zone }).await?;
    let text = if json { output::json(&settings)? } else { output::table(&[settings]) };
    output::print(&text)
}

/// Opens an organization for signup.
pub(super) async fn open(slug: &str) -> anyhow::Result<()> {
    let open = SettingsPatch { open_signup: Some(true), ..SettingsPatch::default() };
    let settings = change(slug, open).await?;
    let text = format!(
        "{} is open: users who sign up with organizationId {} join it as USER.\n",
        settings.slug, settings.id
    );
    output::print(&text)
}

/// Closes an organization for signup.
pub(super) async fn close(slug: &str) -> anyhow::Result<()> {
    let close = SettingsPatch { open_signup: Some(false), ..SettingsPatch::default() };
    let settings = change(slug, close).await?;
    output::print(&format!("{} is closed: users cannot join it by signup.\n", settings.slug))
}

/// Returns the settings afterwards. An empty patch only reads them.
async fn change(slug: &str, patch: SettingsPatch) -> anyhow::Result<Settings> {
    database::with_connection(async |connection| {
        let mut transaction = connection.begin().await?;
        let id = find_organization(&mut transaction, slug).await?.id;
        if patch != SettingsPatch::default() {
            // The organization may have been deleted meanwhile.
            let locked = lock_settings(&mut transaction, id).await?.with_context(|| no_organization(slug))?;
            change_settings(&mut transaction, id, &locked, patch, Actor::Operator).await?;
        }
        let settings = load(&mut transaction, id).await?.with_context(|| no_organization(slug))?;
        transaction.commit().await?;
        Ok(settings)
    })
    .await
}

async fn load(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Settings>> {
    let settings = sqlx::query_as!(
        Settings,
        r#"
        select id, slug, name, "openSignup" as open_signup, "timeZone" as time_zone from "Organization" where id = $1
        "#,
        id,
    );
    settings.fetch_optional(connection).await
}
