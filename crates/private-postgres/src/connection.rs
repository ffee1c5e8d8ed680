//! Connects to a private PostgreSQL server as its superuser.

use anyhow::{Context, Result};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

/// A database that exists on every server, because `initdb` creates it.
const MAINTENANCE_DATABASE: &str = "postgres";

const INVALID_PASSWORD: &str = "28P01";
const DUPLICATE_DATABASE: &str = "42P04";
/// The error code for a duplicate database when two connections create it at the same time.
const UNIQUE_VIOLATION: &str = "23505";

/// The port and the superuser's credentials for a server.
#[derive(Clone)]
pub(crate) struct ConnectionParams {
    pub(crate) port: u16,
    pub(crate) superuser: String,
    pub(crate) password: String,
}

impl ConnectionParams {
    pub(crate) fn url(&self, database: &str) -> String {
        let [user, password, database] = [&self.superuser, &self.password, database].map(percent_encode);
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// Connects once, to verify that the port and the password belong to this server.
    pub(crate) async fn verify(&self) -> Result<()> {
        self.connect().await?.close().await?;
        Ok(())
    }

    pub(crate) async fn create_database(&self, name: &str) -> Result<()> {
        let mut connection = self.connect().await?;
        let quoted = name.replace('"', "\"\"");
        // An identifier cannot be a statement parameter, so it is quoted above.
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
            let is_rejected = has_code(&error, &[INVALID_PASSWORD]);
            let error = anyhow::Error::new(error);
            if is_rejected {
                error.context(self.wrong_password())
            } else {
                error.context("could not connect")
            }
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
            "the data folder was created with another superuser or password than {} and the given one; use those, or \
             remove the folder to start with an empty one",
            self.superuser
        )
    }
}

fn has_code(error: &sqlx::Error, codes: &[&str]) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| codes.contains(&code.as_ref()))
}

/// Percent-encodes all characters that are reserved in a URL.
fn percent_encode(text: &str) -> String {
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
    fn special_characters_in_a_url_are_encoded() {
        let connection =
            ConnectionParams { port: 5433, superuser: "event board".into(), password: "p@ss:/ä".into() };
        assert_eq!(
            connection.url("eventboard_db"),
            "postgres://event%20board:p%40ss%3A%2F%C3%A4@127.0.0.1:5433/eventboard_db"
        );
    }
}
