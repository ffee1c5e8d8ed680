//! The message that `eventboard up` prints when all parts are running.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
};

use super::settings::Addresses;
use crate::seed;

/// The values shown in the message.
pub(super) struct Banner {
    pub addresses: Addresses,
    /// `None` if metrics are not served.
    pub metrics: Option<SocketAddr>,
    /// The URL of the private PostgreSQL. The URL of another database is not shown, because it may contain a
    /// password.
    pub private_url: Option<String>,
    /// The folder for mails. `None` if they go to a server.
    pub mail_folder: Option<String>,
    pub has_demo_data: bool,
}

impl fmt::Display for Banner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Addresses { gateway, auth, events, notification: _ } = self.addresses;
        let api = format!("http://{}", HostPort(gateway));
        writeln!(f, "\nEventBoard is ready. Ctrl-C stops it.\n")?;
        writeln!(f, "  Board           {api}/board (open it in a browser)")?;
        writeln!(f, "  API             {api}")?;
        writeln!(f, "  Documentation   {api}/api")?;
        writeln!(f, "  auth-service    {} (gRPC, and http for /health)", HostPort(auth))?;
        writeln!(f, "  events-service  {} (gRPC, and http for /health)", HostPort(events))?;
        if let Some(metrics) = self.metrics {
            writeln!(f, "  Metrics         http://{}/metrics", HostPort(metrics))?;
        }
        if let Some(folder) = &self.mail_folder {
            writeln!(f, "  Mails           {folder}/*.eml (set SMTP_URL to send them)")?;
        }
        let database = self.private_url.as_deref().unwrap_or("\"$DATABASE_URL\"");
        writeln!(f, "  Database        psql {database}\n")?;
        if self.has_demo_data { write_demo_hints(f, &api) } else { write_health_hint(f, &api) }
    }
}

fn write_demo_hints(f: &mut fmt::Formatter<'_>, api: &str) -> fmt::Result {
    let [email, password] = seed::EXAMPLE_LOGIN;
    writeln!(f, "{}\nTry\n", seed::login_table())?;
    writeln!(f, "  TOKEN=$(curl -s {api}/auth/login -H 'Content-Type: application/json' \\")?;
    writeln!(f, "    -d '{{\"email\":\"{email}\",\"password\":\"{password}\"}}' \\")?;
    writeln!(f, "    | sed 's/.*\"accessToken\":\"\\([^\"]*\\)\".*/\\1/')")?;
    writeln!(f, "  curl -s {api}/events -H \"Authorization: Bearer $TOKEN\"\n")
}

fn write_health_hint(f: &mut fmt::Formatter<'_>, api: &str) -> fmt::Result {
    writeln!(f, "Try\n\n  curl -s {api}/health\n")
}

/// Displays the address to which `localhost` resolves as `localhost:PORT`.
struct HostPort(SocketAddr);

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.ip() == Ipv4Addr::LOCALHOST {
            return write!(f, "localhost:{}", self.0.port());
        }
        self.0.fmt(f)
    }
}
