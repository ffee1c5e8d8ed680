//! Tests of the binary as it is built for container images, without `eventboard up`.
#![cfg(not(feature = "up"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

/// Exit code, stdout and stderr of the binary without a configured database.
fn eventboard(arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventboard"));
    let output = command.args(arguments).current_dir(folder.path()).env_clear().output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn without_a_command_the_help_is_shown() {
    let (code, _, stderr) = eventboard(&[]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("\n  migrate ") && !stderr.contains("\n  up "), "{stderr}");
}

#[test]
fn the_up_command_does_not_exist() {
    let (code, _, stderr) = eventboard(&["up"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("unrecognized subcommand 'up'"), "{stderr}");
}

#[test]
fn a_command_without_a_configured_database_fails_and_names_the_variable() {
    let (code, stdout, stderr) = eventboard(&["migrate"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("DATABASE_URL must be set"), "{stderr}");
}
