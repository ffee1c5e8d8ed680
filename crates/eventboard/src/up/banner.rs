//! What a newcomer reads once everything runs.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use super::settings::Addresses;
use crate::seed;

/// Everything that is worth telling.
pub(super) struct Banner {
    pub addresses: Addresses,
    /// Unless metrics are not served.
    pub metrics: Option<SocketAddr>,
    /// The private cluster's; another one's may hold a password that is nobody's business.
    pub private_url: Option<String>,
    pub has_demo_data: bool,
}

impl fmt::Display for Banner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Addresses { gateway, auth, events } = self.addresses;
        let api = format!("http://{}", Host(gateway));
        writeln!(f, "\nEventBoard is ready. Ctrl-C stops it.\n")?;
        writeln!(f, "  API             {api}")?;
        writeln!(f, "  Documentation   {api}/api")?;
        writeln!(f, "  auth-service    {} (gRPC, and http for /health)", Host(auth))?;
        writeln!(f, "  events-service  {} (gRPC, and http for /health)", Host(events))?;
        if let Some(metrics) = self.metrics {
            writeln!(f, "  Metrics         http://{}/metrics", Host(metrics))?;
        }
        let database = self.private_url.as_deref().unwrap_or("\"$DATABASE_URL\"");
        writeln!(f, "  Database        psql {database}\n")?;
        if self.has_demo_data { demo(f, &api) } else { without_demo(f, &api) }
    }
}

fn demo(f: &mut fmt::Formatter<'_>, api: &str) -> fmt::Result {
    let [email, password] = seed::LOGIN;
    writeln!(f, "{}\nTry\n", seed::logins())?;
    writeln!(f, "  TOKEN=$(curl -s {api}/auth/login -H 'Content-Type: application/json' \\")?;
    writeln!(f, "    -d '{{\"email\":\"{email}\",\"password\":\"{password}\"}}' \\")?;
    writeln!(f, "    | sed 's/.*\"accessToken\":\"\\([^\"]*\\)\".*/\\1/')")?;
    writeln!(f, "  curl -s {api}/events -H \"Authorization: Bearer $TOKEN\"\n")
}

fn without_demo(f: &mut fmt::Formatter<'_>, api: &str) -> fmt::Result {
    writeln!(f, "Try\n\n  curl -s {api}/health\n")
}

/// An address as people type it.
struct Host(SocketAddr);

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.ip() {
            IpAddr::V4(ip) if ip.is_loopback() => write!(f, "localhost:{}", self.0.port()),
            _ => self.0.fmt(f),
        }
    }
}
