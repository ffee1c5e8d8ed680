//! The hosts and ports of a service, as two environment variables configure them.

use std::str::FromStr;

use eventboard_chassis::config::Env;
use http::uri::Authority;

/// The hosts of a service. If a host name resolves to several addresses, each one is treated as a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(Vec<Host>);

/// A host name or address with its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) port: u16,
}

impl Target {
    /// Reads the two variables of a service, for example `AUTH_SERVICE_HOST` (host names or addresses, separated by
    /// commas, each optionally with its own port) and `AUTH_SERVICE_PORT` (the port of the hosts without their own
    /// port).
    pub fn from_env(env: &mut Env, hosts: &str, port: &str, default_port: u16) -> Self {
        let port = env.port(port, default_port);
        let text = env.text(hosts, "localhost");
        let parsed: Option<Vec<_>> = text.split(',').map(|host| Host::parse(host.trim(), port)).collect();
        parsed.map(Self).unwrap_or_else(|| {
            env.report_invalid(
                hosts,
                "must be host names or addresses, separated by commas; each has a port other than 0, its own or that \
                 of the service",
            );
            Self(Vec::new())
        })
    }

    pub(crate) fn hosts(&self) -> &[Host] {
        &self.0
    }
}

impl Host {
    fn parse(text: &str, default_port: u16) -> Option<Self> {
        let authority = Authority::from_str(text).ok()?;
        let (host, port) = (authority.host(), authority.port_u16());
        let rest = authority.as_str().strip_prefix(host)?;
        let is_plain = !host.is_empty() && (rest.is_empty() || port.is_some());
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = port.unwrap_or(default_port);
        (is_plain && port != 0).then_some(Self { name, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(hosts: &str) -> Result<Vec<(String, u16)>, String> {
        let mut env: Env = [("H".to_owned(), hosts.to_owned())].into_iter().collect();
        let target = Target::from_env(&mut env, "H", "P", 3002);
        env.finish().map_err(|error| error.to_string())?;
        Ok(target.0.into_iter().map(|host| (host.name, host.port)).collect())
    }

    #[test]
    fn a_target_lists_hosts_with_optional_ports() {
        let one = |name: &str, port| (name.to_owned(), port);
        assert_eq!(read("events-service"), Ok(vec![one("events-service", 3002)]));
        assert_eq!(read("10.0.0.7:4002, b"), Ok(vec![one("10.0.0.7", 4002), one("b", 3002)]));
        assert_eq!(read("[::1],[::1]:4002"), Ok(vec![one("::1", 3002), one("::1", 4002)]));
    }

    #[test]
    fn an_invalid_host_is_rejected() {
        for bad in ["a,,b", "http://a", "a/b", "user@a", "a:port", "a:0", "a:65536", "a b"] {
            assert!(read(bad).is_err_and(|error| error.contains('H')), "{bad:?}");
        }
    }
}
