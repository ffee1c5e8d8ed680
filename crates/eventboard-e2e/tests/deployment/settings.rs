//! Compares the ranges in `.env.example` with those that the services enforce when they read their settings.

use std::collections::BTreeMap;

use eventboard_chassis::{
    config::{self, Env},
    metrics_endpoint::MetricsConfig,
    telemetry::TelemetryConfig,
};
use eventboard_e2e::settings::{Setting, settings};

type Variables = BTreeMap<&'static str, String>;

/// Reads the settings of each service, in a process of its own. Returns all error messages.
fn read_all(variables: &Variables) -> String {
    let readers: [fn(&mut Env); 4] = [
        |env| drop(api_gateway::Config::from_env(env)),
        |env| drop(auth_service::Config::from_env(env)),
        |env| drop(events_service::Config::from_env(env)),
        |env| drop(notification_service::Config::from_env(env)),
    ];
    let read = |reader: fn(&mut Env)| {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let env = variables.collect::<Env>().with_default("HOST", "127.0.0.1").for_one_service();
        let read = config::read(env, |env| {
            TelemetryConfig::from_env(env);
            MetricsConfig::from_env(env);
            reader(env);
        });
        read.err().map(|error| format!("{error}\n")).unwrap_or_default()
    };
    readers.map(read).concat()
}

fn read_one(setting: Setting, value: &str) -> String {
    read_all(&[(setting.name, value.to_owned())].into())
}

/// The settings that are numbers or durations, with their ranges.
fn ranges() -> impl Iterator<Item = (Setting, &'static str, &'static str)> {
    settings().into_iter().filter_map(|setting| {
        let (min, max) = setting.range?;
        Some((setting, min, max))
    })
}

#[test]
fn every_number_and_duration_is_documented_with_the_range_that_the_services_enforce() {
    for setting in settings() {
        let message = read_one(setting, "?");
        let is_numeric = ["whole number", "a number", "a duration"].iter().any(|kind| message.contains(kind));
        assert_eq!(setting.range.is_some(), is_numeric, "{setting:?}: {message}");
        if let Some((min, max)) = setting.range {
            assert!(message.contains(&format!("{} must be ", setting.name)), "{message}");
            assert!(message.contains(&format!(" from {min} to {max}")), "{setting:?}: {message}");
        }
    }
    assert!(ranges().count() > 30, "too few ranges were found");
}

#[test]
fn an_absurd_value_is_an_error_that_names_the_variable() {
    for (setting, min, max) in ranges() {
        let past_the_end = match max.parse::<i128>() {
            Ok(max) => (max + 1).to_string(),
            Err(_) => format!("{max} 1ns"),
        };
        let just_below = match min.parse::<i128>() {
            Ok(min) => (min - 1).to_string(),
            Err(_) if min == "0s" => "-1s".to_owned(),
            Err(_) => "0s".to_owned(),
        };
        let absurd = [
            "-1",
            "-1s",
            "1e400",
            "1e400s",
            "NaN",
            "inf",
            "infinity",
            "99999999999999999999999999999999999999999",
            "9223372036854775808",
            "18446744073709551616s",
            "584542046090y",
            "1000y",
            "0x10",
            "1,000",
            "1_000",
            "ten",
            &past_the_end,
            &just_below,
        ];
        for value in absurd {
            let message = read_one(setting, value);
            assert!(
                message.contains(&format!("{} must be ", setting.name)),
                "{}={value}: {message}",
                setting.name
            );
        }
    }
}

#[test]
fn both_ends_of_every_range_are_accepted() {
    let all =
        |value: fn((Setting, &'static str, &'static str)) -> (&'static str, &'static str)| -> Variables {
            ranges().map(value).map(|(name, value)| (name, value.to_owned())).collect()
        };
    assert_eq!(read_all(&all(|(setting, _, max)| (setting.name, max))), "");
    // The gateway cannot connect to port 0.
    let mut smallest = all(|(setting, min, _)| (setting.name, min));
    smallest.retain(|name, _| !name.ends_with("_SERVICE_PORT"));
    assert_eq!(read_all(&smallest), "");
}

#[test]
fn a_retry_delay_above_its_cap_is_an_error() {
    let variables = [("RETRY_BASE", "3s".to_owned()), ("RETRY_CAP", "1s".to_owned())];
    let message = read_all(&variables.into());
    assert_eq!(message, "configuration error: RETRY_BASE must not be longer than RETRY_CAP\n");
}

#[test]
fn the_gateway_does_not_start_with_port_0_of_a_service() {
    for (port, host) in
        [("AUTH_SERVICE_PORT", "AUTH_SERVICE_HOST"), ("EVENTS_SERVICE_PORT", "EVENTS_SERVICE_HOST")]
    {
        let message = read_all(&[(port, "0".to_owned())].into());
        assert!(message.contains(host), "{message}");
        let variables = [(port, "0".to_owned()), (host, "localhost:4001".to_owned())];
        assert_eq!(read_all(&variables.into()), "");
    }
}
