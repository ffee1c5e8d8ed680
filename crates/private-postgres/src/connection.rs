//! Connecting to a private cluster as its superuser.

use anyhow::{Context, Result};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

/// A database that `initdb` creates in every cluster.
const MAINTENANCE_DATABASE: &str = "postgres";

const INVALID_PASSWORD: &str = "28P01";
const DUPLICATE_DATABASE: &str = "42P04";
/// What a duplicate is when two create it at the same moment.
const UNIQUE_VIOLATION: &str = "23505";

/// Where a cluster listens and who may enter.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) port: u16,
    pub(crate) superuser: String,
    pub(crate) password: String,
}

impl Access {
    pub(crate) fn url(&self, database: &str) -> String {
        let [user, password, database] = [&self.superuser, &self.password, database].map(encode);
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// Enters once, which shows that the port and the password are those of this cluster.
    pub(crate) async fn check(&self) -> Result<()> {
        self.connect().await?.close().await?;
        Ok(())
    }

    pub(crate) async fn create_database(&self, name: &str) -> Result<()> {
        let mut connection = self.connect().await?;
        let quoted = name.replace('"', "\"\"");
        // An identifier cannot be a parameter; it is quoted above.
        let statement = format!(
            "create database \"{quoted}\" template template0 encoding 'UTF8' locale 'C.UTF-8' \
             owner \"{}\"",
            self.superuser.replace('"', "\"\"")
        );
        let created = sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await;
        connection.close().await?;
        match created {
            Err(error) if !has_code(&error, &[DUPLICATE_DATABASE, UNIQUE_VIOLATION]) => {
                Err(error).with_context(|| format!("could not create the database {name}"))
            }
            _ => Ok(()),
        }
    }

    async fn connect(&self) -> Result<PgConnection> {
        let connected = self.options().connect().await;
        connected.map_err(|error| {
            let refused = has_code(&error, &[INVALID_PASSWORD]);
            let error = anyhow::Error::new(error);
            if refused { error.context(self.wrong_password()) } else { error.context("could not connect") }
        })
    }

    fn options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(&self.superuser)
            .password(&self.password)
            .database(MAINTENANCE_DATABASE)
            .ssl_mode(PgSslMode::Disable)
    }

    fn wrong_password(&self) -> String {
        format!(
            "the data folder was made for another superuser or password than {} and the one given; use those, or remove \
             the folder to begin anew",
            self.superuser
        )
    }
}

fn has_code(error: &sqlx::Error, codes: &[&str]) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| codes.contains(&code.as_ref()))
}

/// Percent-encodes everything that has a meaning in a URL.
fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            encoded + &char::from(byte).to_string()
        }
        _ => encoded + &format!("%{byte:02X}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_survives_any_password() {
        let access = Access { port: 5433, superuser: "event board".into(), password: "p@ss:/ä".into() };
        assert_eq!(
            access.url("eventboard_db"),
            "postgres://event%20board:p%40ss%3A%2F%C3%A4@127.0.0.1:5433/eventboard_db"
        );
    }
}
