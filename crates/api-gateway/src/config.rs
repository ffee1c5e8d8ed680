//! The gateway's configuration, read once at startup.

mod proxies;

use std::{str::FromStr, time::Duration};

use board::BoardConfig;
use eventboard_chassis::{
    config::{AppEnv, Env, ListenConfig, days, minutes},
    public_url::PublicUrl,
    server::{DEFAULT_KEEP_ALIVE, LoadConfig},
    token::TokenConfig,
};
use eventboard_client::{Clients, RetryConfig, Target};
use http::Uri;

pub use self::proxies::{ForwardingHeader, TrustedProxy};
use crate::policy::Policies;

/// The shortest rate-limit window, because the headers of responses tell the rest of the window in whole seconds.
const MIN_WINDOW: Duration = Duration::from_secs(1);

/// The longest rate-limit window. A longer window would be pointless, because a restart resets the counters.
const MAX_WINDOW: Duration = days(1);

/// The largest number of requests per window: more than a gateway can serve in the longest window.
const MAX_REQUESTS: u32 = 1_000_000_000;

/// The longest time without a request after which a connection may still be used. Longer than any balancer's default
/// (Envoy: one hour).
const MAX_KEEP_ALIVE: Duration = minutes(120);

/// The shortest such time, because `Keep-Alive` tells whole seconds.
const MIN_KEEP_ALIVE: Duration = Duration::from_secs(1);

/// The gateway's configuration from environment variables.
#[derive(Debug, Clone)]
pub struct Config {
    /// `HOST`, `GATEWAY_PORT` (3000; `PORT` overrides it in a process that runs only the gateway), `DRAIN_GRACE`.
    pub listen: ListenConfig,
    /// `AUTH_SERVICE_HOST` (localhost), `AUTH_SERVICE_PORT` (3001).
    pub auth: Target,
    /// `EVENTS_SERVICE_HOST` (localhost), `EVENTS_SERVICE_PORT` (3002).
    pub events: Target,
    /// The `RETRY_*` variables.
    pub retry: RetryConfig,
    /// The policy table.
    pub policies: Policies,
    /// The `JWT_*` variables.
    pub token: TokenConfig,
    /// `MAX_CONCURRENT_REQUESTS`, `MAX_CONNECTIONS_PER_ADDRESS`.
    pub load: LoadConfig,
    /// The `RATE_LIMIT_*` variables.
    pub rate_limit: RateLimitConfig,
    /// `CORS_ALLOWED_ORIGINS`: the origins from which scripts may use the API (default in development:
    /// `http://localhost:*`).
    pub allowed_origins: Vec<AllowedOrigin>,
    /// `TRUSTED_PROXIES`: the networks of proxies that may name the client, and which may have any number of
    /// connections (default: none).
    pub trusted_proxies: Vec<TrustedProxy>,
    /// `TRUSTED_PROXY_HEADER`: the only header in which these proxies name the client (default: `X-Forwarded-For`, and
    /// in a request without it, `Forwarded`).
    pub trusted_proxy_header: Option<ForwardingHeader>,
    /// The board. `None` in production without TLS, where its cookie would not be safe.
    pub board: Option<BoardConfig>,
    /// `KEEP_ALIVE_TIMEOUT` (default 75s): how long a client may keep a connection open without a request.
    pub keep_alive_timeout: Duration,
}

impl Config {
    /// Reads all variables.
    pub fn from_env(env: &mut Env) -> Self {
        Self {
            listen: ListenConfig::from_env(env, "GATEWAY_PORT", 3000),
            auth: Target::from_env(env, "AUTH_SERVICE_HOST", "AUTH_SERVICE_PORT", 3001),
            events: Target::from_env(env, "EVENTS_SERVICE_HOST", "EVENTS_SERVICE_PORT", 3002),
            retry: RetryConfig::from_env(env),
            policies: Policies::from_env(env),
            token: TokenConfig::from_env(env),
            load: LoadConfig::from_env(env),
            rate_limit: RateLimitConfig::from_env(env),
            allowed_origins: allowed_origins(env),
            trusted_proxies: env.list("TRUSTED_PROXIES", "", "networks such as 10.0.0.0/8"),
            trusted_proxy_header: trusted_proxy_header(env),
            board: board(env),
            keep_alive_timeout: env.duration(
                "KEEP_ALIVE_TIMEOUT",
                DEFAULT_KEEP_ALIVE,
                MIN_KEEP_ALIVE..=MAX_KEEP_ALIVE,
            ),
        }
    }

    /// The clients of the services. Starts the discovery of their replicas.
    pub(crate) fn clients(&self) -> Clients {
        Clients::new(&self.auth, &self.events, &self.retry)
    }
}

/// Reads `PUBLIC_URL`.
fn board(env: &mut Env) -> Option<BoardConfig> {
    let public_url = PublicUrl::from_env(env);
    let is_safe = match AppEnv::from_env(env) {
        AppEnv::Development => true,
        AppEnv::Production => public_url.is_https(),
    };
    is_safe.then_some(BoardConfig { public_url })
}

fn trusted_proxy_header(env: &mut Env) -> Option<ForwardingHeader> {
    env.get("TRUSTED_PROXY_HEADER")?;
    let default = ForwardingHeader::XForwardedFor;
    Some(env.parse("TRUSTED_PROXY_HEADER", default, "x-forwarded-for or forwarded"))
}

/// Reads the allowed origins. In production there is no default, so every origin must be listed.
fn allowed_origins(env: &mut Env) -> Vec<AllowedOrigin> {
    let default = match AppEnv::from_env(env) {
        AppEnv::Development => "http://localhost:*",
        AppEnv::Production => "",
    };
    env.list("CORS_ALLOWED_ORIGINS", default, "origins such as https://app.example.org or http://localhost:*")
}

/// The rate limits per client.
#[derive(Debug, Clone)]
pub struct RateLimitConfig {
    /// `RATE_LIMIT_ENABLED` (default true).
    pub enabled: bool,
    /// `RATE_LIMIT_IP_MAX` (100) per `RATE_LIMIT_IP_WINDOW` (15m): requests that one client address may send without
    /// a verified token, or to operations that ignore the token.
    pub per_ip: RateLimit,
    /// `RATE_LIMIT_USER_MAX` (1000) per `RATE_LIMIT_USER_WINDOW` (1m): requests that one user may send with a
    /// verified token to other operations.
    pub per_user: RateLimit,
    /// `RATE_LIMIT_PAGES_MAX` (600) per `RATE_LIMIT_PAGES_WINDOW` (1m): pages of the board that one client address may read without
    /// a session.
    pub pages_per_ip: RateLimit,
}

/// A maximum number of requests per window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The maximum number of requests.
    pub max: u32,
    /// The length of the window. The window starts with the client's first request.
    pub window: Duration,
}

impl RateLimitConfig {
    /// Reads the `RATE_LIMIT_*` variables.
    pub fn from_env(env: &mut Env) -> Self {
        let windows = || MIN_WINDOW..=MAX_WINDOW;
        Self {
            enabled: env.flag("RATE_LIMIT_ENABLED", true),
            per_ip: RateLimit {
                max: env.number("RATE_LIMIT_IP_MAX", 100, 1..=MAX_REQUESTS),
                window: env.duration("RATE_LIMIT_IP_WINDOW", minutes(15), windows()),
            },
            per_user: RateLimit {
                max: env.number("RATE_LIMIT_USER_MAX", 1000, 1..=MAX_REQUESTS),
                window: env.duration("RATE_LIMIT_USER_WINDOW", minutes(1), windows()),
            },
            pages_per_ip: RateLimit {
                max: env.number("RATE_LIMIT_PAGES_MAX", 600, 1..=MAX_REQUESTS),
                window: env.duration("RATE_LIMIT_PAGES_WINDOW", minutes(1), windows()),
            },
        }
    }
}

/// An origin (RFC 6454) from which scripts may use the API: with a given port, the default port, or any port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedOrigin {
    /// Scheme and host, and the port unless any port is allowed.
    origin: String,
    allows_any_port: bool,
}

impl AllowedOrigin {
    /// Whether the value of an `Origin` header matches this origin.
    pub fn allows(&self, origin: &str) -> bool {
        let Some(rest) = origin.strip_prefix(&self.origin) else { return false };
        // The origin is repeated in the response, so its length is limited.
        let is_port =
            |text: &str| (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        rest.is_empty() || (self.allows_any_port && rest.strip_prefix(':').is_some_and(is_port))
    }
}

impl FromStr for AllowedOrigin {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (origin, allows_any_port) =
            text.strip_suffix(":*").map_or((text, false), |origin| (origin, true));
        let uri = Uri::from_str(origin).map_err(|_| ())?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let is_bare = uri.path_and_query().is_none_or(|rest| rest == "/") && !origin.ends_with('/');
        let origin = origin.to_ascii_lowercase();
        if is_web && is_bare { Ok(Self { origin, allows_any_port }) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::env;

    #[test]
    fn the_defaults_match_the_documentation() {
        let mut env = env([]);
        let config = Config::from_env(&mut env);
        env.finish().expect("defaults are good");
        assert_eq!(config.listen.port, 3000);
        assert_eq!(config.rate_limit.per_ip, RateLimit { max: 100, window: Duration::from_secs(900) });
        assert_eq!(config.rate_limit.per_user, RateLimit { max: 1000, window: Duration::from_secs(60) });
        assert!(config.rate_limit.enabled && config.trusted_proxies.is_empty());
        assert_eq!(config.trusted_proxy_header, None);
        assert_eq!(config.keep_alive_timeout, Duration::from_secs(75));
    }

    #[test]
    fn all_invalid_variables_are_reported_at_once() {
        let bad = [
            ("GATEWAY_PORT", "x"),
            ("CORS_ALLOWED_ORIGINS", "localhost"),
            ("TRUSTED_PROXIES", "10.0.0.0/40"),
            ("TRUSTED_PROXY_HEADER", "x-real-ip"),
            ("KEEP_ALIVE_TIMEOUT", "3h"),
            ("RATE_LIMIT_IP_MAX", "0"),
            ("WRITE_DEADLINE", "ten"),
        ];
        let mut env = env(bad);
        Config::from_env(&mut env);
        let error = env.finish().expect_err("all are bad").to_string();
        for (name, _) in bad {
            assert!(error.contains(name), "{name} is not in: {error}");
        }
    }

    #[test]
    fn an_origin_matches_its_exact_port_or_any_port() {
        let allows =
            |allowed: &str, origin| allowed.parse::<AllowedOrigin>().expect("an origin").allows(origin);
        assert!(allows("http://localhost:*", "http://localhost:5173"));
        assert!(allows("http://localhost:*", "http://localhost"));
        assert!(!allows("http://localhost:*", "https://localhost:5173"));
        assert!(!allows("http://localhost:*", "http://localhost.evil.example"));
        assert!(!allows("http://localhost:*", "http://localhost:80.evil.example"));
        assert!(!allows("http://localhost:*", "http://localhost:"));
        assert!(!allows("http://localhost:*", "http://localhost:000000"));
        assert!(allows("https://app.example.org", "https://app.example.org"));
        assert!(!allows("https://app.example.org", "https://app.example.org:8443"));
        assert!(allows("https://app.example.org:8443", "https://app.example.org:8443"));
    }

    #[test]
    fn an_invalid_origin_is_rejected() {
        for bad in ["*", "localhost", "ftp://x", "http://x/path", "http://x/", "http://"] {
            assert!(bad.parse::<AllowedOrigin>().is_err(), "{bad}");
        }
    }
}
