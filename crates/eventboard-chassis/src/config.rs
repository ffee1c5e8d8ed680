//! Reads the environment into typed settings, once, at startup.
//!
//! Each concern has its own struct with a `from_env`. The docs of the fields list the variables and their defaults.
//! All invalid variables are collected, so that one start reports all of them. Durations have a unit: `250ms`,
//! `10s`, `15m`, `24h`.

use std::{
    collections::HashMap, env, fmt::Display, fs, net::IpAddr, ops::RangeInclusive, str::FromStr,
    time::Duration,
};

use secrecy::SecretString;
use thiserror::Error;

/// The process environment is invalid. Contains one message per error.
#[derive(Debug, Error)]
#[error("configuration error: {}", .0.join("; "))]
pub struct ConfigError(Vec<String>);

/// Environment variables, and the errors found while reading them.
pub struct Env {
    variables: HashMap<String, String>,
    /// Whether this process runs a single service, whose port `PORT` overrides.
    is_single_service: bool,
    errors: Vec<String>,
}

impl Env {
    /// Reads the environment of a process that runs one service.
    pub fn of_service() -> Self {
        Self { is_single_service: true, ..Self::of_process() }
    }

    /// Reads the environment of a process that runs several services or none.
    pub fn of_process() -> Self {
        Self::from_iter(env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        }))
    }

    /// Sets a variable that is unset or empty.
    #[must_use]
    pub fn with_default(mut self, name: &str, value: impl Into<String>) -> Self {
        if self.get(name).is_none() {
            self.variables.insert(name.into(), value.into());
        }
        self
    }

    /// The value of a variable. An empty value counts as absent.
    pub fn get(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// Reads a string.
    pub fn text(&self, name: &str, default: &str) -> String {
        self.get(name).unwrap_or_else(|| default.to_owned())
    }

    /// Parses a variable. `expected` completes the error message "NAME must be …".
    pub fn parse<T: FromStr>(&mut self, name: &str, default: T, expected: &str) -> T {
        match self.get(name).map(|value| value.trim().parse()) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(_)) => {
                self.report_invalid(name, &format!("must be {expected}"));
                default
            }
        }
    }

    /// Reads an integer within a range.
    pub fn number<T>(&mut self, name: &str, default: T, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Display,
    {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let value = self.parse(name, default, &expected);
        if !range.contains(&value) {
            self.report_invalid(name, &format!("must be {expected}"));
        }
        value
    }

    /// Reads a ratio from 0 to 1.
    pub fn ratio(&mut self, name: &str, default: f32) -> f32 {
        let value = self.parse(name, default, "a number from 0 to 1");
        if !(0.0..=1.0).contains(&value) {
            self.report_invalid(name, "must be a number from 0 to 1");
        }
        value
    }

    /// Reads `true` or `false`.
    pub fn flag(&mut self, name: &str, default: bool) -> bool {
        self.parse(name, default, "true or false")
    }

    /// Reads a duration with a unit.
    pub fn duration(&mut self, name: &str, default: Duration) -> Duration {
        match self.get(name).map(|value| humantime::parse_duration(value.trim())) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(_)) => {
                self.report_invalid(name, "must be a duration with a unit, for example 250ms, 10s or 1h");
                default
            }
        }
    }

    /// Reads a duration greater than zero.
    pub fn positive_duration(&mut self, name: &str, default: Duration) -> Duration {
        let value = self.duration(name, default);
        if value.is_zero() {
            self.report_invalid(name, "must be longer than 0");
        }
        value
    }

    /// Reads a duration greater than zero and at most `max`.
    pub fn duration_within(&mut self, name: &str, default: Duration, max: Duration) -> Duration {
        let value = self.positive_duration(name, default);
        if value > max {
            self.report_invalid(name, &format!("must be at most {}s", max.as_secs()));
            return default;
        }
        value
    }

    /// Reads a comma-separated list. Empty entries are ignored.
    pub fn list<T: FromStr>(&mut self, name: &str, default: &str, expected: &str) -> Vec<T> {
        let mut values = Vec::new();
        for entry in self.text(name, default).split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match entry.parse() {
                Ok(value) => values.push(value),
                Err(_) => self.report_invalid(name, &format!("must be a comma-separated list of {expected}")),
            }
        }
        values
    }

    /// Reads a secret from the variable `<NAME>`, or from the file whose path is in `<NAME>_FILE`, because container
    /// engines mount secrets as files. Line breaks at the end of the file are removed.
    pub fn secret(&mut self, name: &str) -> Option<SecretString> {
        if let Some(value) = self.get(name) {
            return Some(value.into());
        }
        let path = self.get(&format!("{name}_FILE"))?;
        match fs::read_to_string(&path) {
            Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned().into()),
            Err(error) => {
                self.report_invalid(
                    &format!("{name}_FILE"),
                    &format!("names a file that cannot be read ({error})"),
                );
                None
            }
        }
    }

    /// Records an error: the variable's name followed by the message.
    pub fn report_invalid(&mut self, name: &str, message: &str) {
        let error = format!("{name} {message}");
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// Finishes reading.
    ///
    /// # Errors
    /// Returns all recorded errors if there are any.
    pub fn finish(self) -> Result<(), ConfigError> {
        if self.errors.is_empty() { Ok(()) } else { Err(ConfigError(self.errors)) }
    }
}

impl FromIterator<(String, String)> for Env {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().collect(), is_single_service: false, errors: Vec::new() }
    }
}

/// Reads settings from the environment and validates them.
///
/// # Errors
/// Returns all invalid variables.
pub fn read<T>(mut env: Env, from_env: impl FnOnce(&mut Env) -> T) -> Result<T, ConfigError> {
    let config = from_env(&mut env);
    env.finish()?;
    Ok(config)
}

/// The kind of installation, `APP_ENV`: `development` (default) or `production`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppEnv {
    /// Default secrets are accepted.
    Development,
    /// Default and short secrets are rejected.
    Production,
}

impl AppEnv {
    /// Reads `APP_ENV`.
    pub fn from_env(env: &mut Env) -> Self {
        env.parse("APP_ENV", Self::Development, "development or production")
    }
}

impl FromStr for AppEnv {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            _ => Err(()),
        }
    }
}

/// The address on which a service listens, and how long it drains before it stops.
#[derive(Debug, Clone)]
pub struct ListenConfig {
    /// `HOST`: the address to listen on (default `0.0.0.0`).
    pub host: IpAddr,
    /// The port, from the service's own variable, or from `PORT` in a process that runs one service.
    pub port: u16,
    /// `DRAIN_GRACE`: how long a service that is shutting down still accepts requests, so that its clients and load
    /// balancers can stop using it (default `0s`; the images set `3s`).
    pub drain_grace: Duration,
}

impl ListenConfig {
    /// Reads `HOST`, `port_variable` and `DRAIN_GRACE`.
    pub fn from_env(env: &mut Env, port_variable: &str, default_port: u16) -> Self {
        let mut port = env.parse(port_variable, default_port, "a port number");
        if env.is_single_service {
            port = env.parse("PORT", port, "a port number");
        }
        Self {
            host: env.parse("HOST", IpAddr::from([0, 0, 0, 0]), "an IP address"),
            port,
            drain_grace: env.duration("DRAIN_GRACE", Duration::ZERO),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<const N: usize>(variables: [(&str, &str); N]) -> Env {
        variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn all_invalid_variables_are_reported_at_once() {
        let mut env = env([("A", "x"), ("B", "10"), ("C", "yes"), ("D", "2s"), ("E", "101")]);
        assert_eq!(env.number("A", 1, 1..=9), 1);
        env.duration("B", Duration::ZERO);
        env.flag("C", false);
        assert_eq!(env.duration("D", Duration::ZERO), Duration::from_secs(2));
        env.number("E", 1, 1..=100);
        assert_eq!(
            env.finish().expect_err("four variables are invalid").to_string(),
            "configuration error: A must be a whole number from 1 to 9; \
             B must be a duration with a unit, for example 250ms, 10s or 1h; \
             C must be true or false; E must be a whole number from 1 to 100"
        );
    }

    #[test]
    fn an_empty_variable_counts_as_absent() {
        let mut env = env([("A", "")]);
        assert_eq!(env.number("A", 7, 1..=9), 7);
    }

    #[test]
    fn port_overrides_the_service_port_only_in_a_process_with_one_service() {
        let variables = [("PORT", "4000"), ("EVENTS_SERVICE_PORT", "3102")];
        let mut several = env(variables);
        assert_eq!(ListenConfig::from_env(&mut several, "EVENTS_SERVICE_PORT", 3002).port, 3102);
        let mut one = Env { is_single_service: true, ..env(variables) };
        assert_eq!(ListenConfig::from_env(&mut one, "EVENTS_SERVICE_PORT", 3002).port, 4000);
    }

    #[test]
    fn a_secret_can_be_read_from_a_file() {
        use secrecy::ExposeSecret;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        fs::write(&path, "s3cret\n").expect("a file");
        let mut env = env([("KEY_FILE", path.to_str().expect("UTF-8"))]);
        assert_eq!(env.secret("KEY").expect("a secret").expose_secret(), "s3cret");
    }
}
