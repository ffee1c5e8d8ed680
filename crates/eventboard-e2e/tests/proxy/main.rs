//! Attacks the proxy of docker-compose.prod.yml: a real nginx with the configuration in deploy/nginx, in front of a real
//! gateway whose services are unavailable.
//!
//! Run this test with `cargo test -p eventboard-e2e --test proxy`. It needs Debian's `nginx-light`,
//! `libnginx-mod-stream` and `openssl`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "an unexpected value fails the test")]

mod attacks;
mod connection;
mod errors;
mod http1;
mod http2;
mod limits;
mod nginx;

use eventboard_e2e::process::{Process, Variables};

use self::nginx::Nginx;

/// The origins from which scripts may use the API.
const ALLOWED_ORIGINS: &str = "https://App.example.org, http://localhost:*";

/// A gateway behind nginx. No service is available to it.
struct Stack {
    gateway: Process,
    nginx: Nginx,
}

impl Stack {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a stack whose gateway also gets these variables.
    async fn start_with(variables: &[(&'static str, &str)]) -> Self {
        let defaults = [
            ("GATEWAY_PORT", "0"),
            ("AUTH_SERVICE_HOST", "127.0.0.1:1"),
            ("EVENTS_SERVICE_HOST", "127.0.0.1:1"),
            ("CORS_ALLOWED_ORIGINS", ALLOWED_ORIGINS),
            ("TRUSTED_PROXIES", "127.0.0.0/8"),
            ("RATE_LIMIT_ENABLED", "false"),
        ];
        let variables: Variables =
            defaults.iter().chain(variables).map(|(name, value)| (*name, (*value).to_owned())).collect();
        let gateway = Process::start(env!("CARGO_BIN_EXE_e2e-api-gateway"), &variables).await;
        let nginx = Nginx::start(gateway.address, ALLOWED_ORIGINS).await;
        Self { gateway, nginx }
    }
}
