//! Reads the environment into typed settings, once, at startup.
//!
//! Each concern has its own struct with a `from_env`. The docs of the fields list the variables and their defaults.
//! All invalid variables are collected, so that one start reports all of them. Durations have a unit: `250ms`,
//! `10s`, `15m`, `24h`. Messages contain no value that may be a secret.

use std::{
    collections::HashMap,
    env,
    ffi::OsString,
    fmt::Display,
    fs::File,
    io::{self, Read},
    net::{IpAddr, Ipv4Addr},
    ops::RangeInclusive,
    str::FromStr,
    time::Duration,
};

use secrecy::SecretString;
use thiserror::Error;

/// The largest file that is read as a secret, in bytes. Endless files such as `/dev/zero` are thus no secrets.
const MAX_SECRET_FILE_BYTES: u64 = 64 * 1024;

/// The longest time for which a service that is shutting down still accepts requests.
const MAX_DRAIN: Duration = minutes(10);

/// The units of durations in messages, from the largest to the smallest, with their length in milliseconds.
const UNITS: [(&str, u128); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// The process environment is invalid. Contains one message per error.
#[derive(Debug, Error)]
#[error("configuration error: {}", .0.join("; "))]
pub struct ConfigError(Vec<String>);

/// Environment variables, and the errors found while reading them.
pub struct Env {
    variables: HashMap<String, OsString>,
    /// Whether this process runs a single service, whose port `PORT` overrides.
    is_single_service: bool,
    errors: Vec<String>,
}

impl Env {
    /// Reads the environment of a process that runs one service.
    pub fn of_service() -> Self {
        Self::of_process().for_one_service()
    }

    /// Declares that this process runs a single service, so that `PORT` overrides its port.
    #[must_use]
    pub fn for_one_service(self) -> Self {
        Self { is_single_service: true, ..self }
    }

    /// Reads the environment of a process that runs several services or none.
    pub fn of_process() -> Self {
        let variables = env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self::of(variables.collect())
    }

    fn of(variables: HashMap<String, OsString>) -> Self {
        Self { variables, is_single_service: false, errors: Vec::new() }
    }

    /// Adds the variables that this environment does not contain. An empty variable is contained.
    #[must_use]
    pub fn with_missing(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        for (name, value) in variables {
            self.variables.entry(name).or_insert_with(|| value.into());
        }
        self
    }

    /// Sets a variable that is unset or empty.
    #[must_use]
    pub fn with_default(self, name: &str, value: impl Into<String>) -> Self {
        if self.is_set(name) { self } else { self.with(name, value) }
    }

    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into().into());
        self
    }

    /// Removes a variable.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// Whether a variable has a value. An empty value counts as absent.
    pub fn is_set(&self, name: &str) -> bool {
        self.variables.get(name).is_some_and(|value| !value.is_empty())
    }

    /// The value of a variable. An empty value counts as absent.
    pub fn get(&mut self, name: &str) -> Option<String> {
        let value = self.variables.get(name).filter(|value| !value.is_empty())?;
        let text = value.to_str().map(str::to_owned);
        if text.is_none() {
            self.report_invalid(name, "must be text in UTF-8");
        }
        text
    }

    /// Reads a string.
    pub fn text(&mut self, name: &str, default: &str) -> String {
        self.get(name).unwrap_or_else(|| default.to_owned())
    }

    /// Parses a variable that is neither a number nor a duration. `expected` completes the error message "NAME must
    /// be …".
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

    /// Reads an integer within a range that the code which uses the number accepts.
    pub fn number<T>(&mut self, name: &str, default: T, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let value = self.parse(name, default, &expected);
        self.within(name, value, default, &range, &expected)
    }

    /// Reads a port. 0 is any free port.
    pub fn port(&mut self, name: &str, default: u16) -> u16 {
        self.number(name, default, 0..=u16::MAX)
    }

    /// Reads a ratio from 0 to 1.
    pub fn ratio(&mut self, name: &str, default: f32) -> f32 {
        let expected = "a number from 0 to 1";
        let value = self.parse(name, default, expected);
        self.within(name, value, default, &(0.0..=1.0), expected)
    }

    /// Reads `true` or `false`.
    pub fn flag(&mut self, name: &str, default: bool) -> bool {
        self.parse(name, default, "true or false")
    }

    /// Reads a duration with a unit, within a range that the code which uses the duration accepts.
    pub fn duration(&mut self, name: &str, default: Duration, range: RangeInclusive<Duration>) -> Duration {
        let (min, max) = (with_unit(*range.start()), with_unit(*range.end()));
        let expected = format!("a duration with a unit, from {min} to {max}");
        let value = self.parse(name, humantime::Duration::from(default), &expected).into();
        self.within(name, value, default, &range, &expected)
    }

    /// Returns the value if it is in the range. Otherwise records an error and returns the default.
    fn within<T>(&mut self, name: &str, value: T, default: T, range: &RangeInclusive<T>, expected: &str) -> T
    where
        T: PartialOrd,
    {
        if range.contains(&value) {
            return value;
        }
        self.report_invalid(name, &format!("must be {expected}"));
        default
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
        if self.is_set(name) {
            return self.get(name).map(SecretString::from);
        }
        let file_variable = format!("{name}_FILE");
        let path = self.get(&file_variable)?;
        match read_secret_file(&path) {
            Ok(secret) => Some(secret),
            Err(error) => {
                self.report_invalid(&file_variable, &format!("names a file that cannot be read ({error})"));
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
        Self::of(variables.into_iter().map(|(name, value)| (name, value.into())).collect())
    }
}

fn read_secret_file(path: &str) -> io::Result<SecretString> {
    let mut text = String::new();
    File::open(path)?.take(MAX_SECRET_FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_SECRET_FILE_BYTES {
        return Err(io::Error::other(format!("it has more than {MAX_SECRET_FILE_BYTES} bytes")));
    }
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(io::Error::other("it is empty")),
        secret => Ok(secret.into()),
    }
}

/// The duration in its largest unit that needs no fraction, for example `90s` or `15m`.
fn with_unit(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis == 0 {
        return "0s".to_owned();
    }
    let unit = UNITS.iter().find(|(_, length)| millis.is_multiple_of(*length));
    unit.map_or_else(|| format!("{millis}ms"), |(unit, length)| format!("{}{unit}", millis / length))
}

/// A duration in minutes, for the limits of settings.
pub const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// A duration in days, for the limits of settings.
pub const fn days(days: u64) -> Duration {
    minutes(24 * 60 * days)
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
    /// `DRAIN_GRACE`: a service that is shutting down still accepts requests until none has arrived for this time, so
    /// that its clients and load balancers can stop using it (default `0s`; the images set `3s`).
    pub drain_grace: Duration,
    /// `DRAIN_TIMEOUT`: it stops after this time, even if requests still arrive (default: `DRAIN_GRACE`).
    pub drain_timeout: Duration,
}

impl ListenConfig {
    /// Reads `HOST`, `port_variable`, `DRAIN_GRACE` and `DRAIN_TIMEOUT`.
    pub fn from_env(env: &mut Env, port_variable: &str, default_port: u16) -> Self {
        let mut port = env.port(port_variable, default_port);
        if env.is_single_service {
            port = env.port("PORT", port);
        }
        let range = || Duration::ZERO..=MAX_DRAIN;
        let drain_grace = env.duration("DRAIN_GRACE", Duration::ZERO, range());
        let drain_timeout = env.duration("DRAIN_TIMEOUT", drain_grace, range());
        if drain_timeout < drain_grace {
            env.report_invalid("DRAIN_TIMEOUT", "must not be shorter than DRAIN_GRACE");
        }
        Self { host: host(env), port, drain_grace, drain_timeout }
    }
}

/// Reads `HOST`: the address to listen on (default `0.0.0.0`).
pub(crate) fn host(env: &mut Env) -> IpAddr {
    env.parse("HOST", Ipv4Addr::UNSPECIFIED.into(), "an IP address")
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
        let up_to_a_minute = || Duration::ZERO..=minutes(1);
        assert_eq!(env.number("A", 1, 1..=9), 1);
        env.duration("B", Duration::ZERO, up_to_a_minute());
        env.flag("C", false);
        assert_eq!(env.duration("D", Duration::ZERO, up_to_a_minute()), Duration::from_secs(2));
        assert_eq!(env.number("E", 1, 1..=100), 1);
        assert_eq!(
            env.finish().expect_err("four variables are invalid").to_string(),
            "configuration error: A must be a whole number from 1 to 9; \
             B must be a duration with a unit, from 0s to 1m; \
             C must be true or false; E must be a whole number from 1 to 100"
        );
    }

    #[test]
    fn a_duration_outside_its_range_is_reported_with_the_range() {
        let range = || Duration::from_millis(250)..=days(30);
        for (text, is_valid) in [
            ("250ms", true),
            ("30d", true),
            ("1h 30m", true),
            ("249ms", false),
            ("0s", false),
            ("30d 1ns", false),
            ("-1s", false),
            ("1e9s", false),
            ("584942417356y", false),
            ("99999999999999999999s", false),
            ("NaN", false),
            ("inf", false),
        ] {
            let mut env = env([("A", text)]);
            env.duration("A", minutes(1), range());
            let error = env.finish().err().map(|error| error.to_string());
            let expected = "configuration error: A must be a duration with a unit, from 250ms to 30d";
            assert_eq!(error.as_deref(), (!is_valid).then_some(expected), "{text}");
        }
    }

    #[test]
    fn a_ratio_is_a_number_from_0_to_1() {
        for (text, is_valid) in [
            ("0", true),
            ("0.5", true),
            ("1", true),
            ("1.1", false),
            ("-0.1", false),
            ("NaN", false),
            ("inf", false),
        ] {
            let mut env = env([("A", text)]);
            env.ratio("A", 0.5);
            assert_eq!(env.finish().is_ok(), is_valid, "{text}");
        }
    }

    #[test]
    fn a_value_that_is_not_utf_8_is_an_error_with_its_name() {
        use std::os::unix::ffi::OsStringExt;
        let not_utf8 = OsString::from_vec(b"hush\xff".to_vec());
        let mut env = Env::of(["A", "B", "C", "D"].map(|name| (name.to_owned(), not_utf8.clone())).into());
        env.text("A", "");
        env.number("B", 1, 1..=9);
        assert!(env.secret("C").is_none());
        assert!(env.is_set("D"), "another variable must not replace it");
        assert_eq!(
            env.finish().expect_err("three variables are invalid").to_string(),
            "configuration error: A must be text in UTF-8; B must be text in UTF-8; C must be text in UTF-8"
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
        let mut one = env(variables).for_one_service();
        assert_eq!(ListenConfig::from_env(&mut one, "EVENTS_SERVICE_PORT", 3002).port, 4000);
    }

    /// Reads how long a service drains.
    fn drain_settings<const N: usize>(variables: [(&str, &str); N]) -> Result<(Duration, Duration), String> {
        let mut env = env(variables);
        let listen = ListenConfig::from_env(&mut env, "EVENTS_SERVICE_PORT", 3002);
        env.finish().map_err(|error| error.to_string())?;
        Ok((listen.drain_grace, listen.drain_timeout))
    }

    #[test]
    fn a_drain_takes_the_grace_period_unless_a_longer_timeout_is_set() {
        let seconds = Duration::from_secs;
        assert_eq!(drain_settings([]), Ok((seconds(0), seconds(0))));
        assert_eq!(drain_settings([("DRAIN_GRACE", "3s")]), Ok((seconds(3), seconds(3))));
        let longer = drain_settings([("DRAIN_GRACE", "5s"), ("DRAIN_TIMEOUT", "45s")]);
        assert_eq!(longer, Ok((seconds(5), seconds(45))));
        let shorter = drain_settings([("DRAIN_GRACE", "5s"), ("DRAIN_TIMEOUT", "4s")]);
        let expected = "configuration error: DRAIN_TIMEOUT must not be shorter than DRAIN_GRACE";
        assert_eq!(shorter, Err(expected.to_owned()));
    }

    /// Reads the secret `KEY` from a file with this content.
    fn secret_file(content: &[u8]) -> Result<String, String> {
        use secrecy::ExposeSecret;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        std::fs::write(&path, content).expect("a file");
        let mut env = env([("KEY_FILE", path.to_str().expect("UTF-8"))]);
        let secret = env.secret("KEY");
        env.finish().map_err(|error| error.to_string())?;
        Ok(secret.expect("a secret").expose_secret().to_owned())
    }

    #[test]
    fn a_secret_can_be_read_from_a_file() {
        assert_eq!(secret_file(b"s3cret\n"), Ok("s3cret".to_owned()));
    }

    #[test]
    fn a_file_that_contains_no_secret_is_reported_without_its_content() {
        let too_long = [b'h'; MAX_SECRET_FILE_BYTES as usize + 1];
        for (content, reason) in
            [(&b"\r\n"[..], "it is empty"), (b"hush\xff", "UTF-8"), (&too_long, "more than 65536 bytes")]
        {
            let error = secret_file(content).expect_err(reason);
            assert!(error.contains("KEY_FILE names a file that cannot be read"), "{error}");
            assert!(error.contains(reason) && !error.contains("hush"), "{error}");
        }
    }
}
