//! The binary as images have it: without `eventboard up` and what that runs.
#![cfg(not(feature = "up"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

/// Exit code, stdout and stderr of the binary, which is told of no database.
fn eventboard(arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventboard"));
    let output = command.args(arguments).current_dir(folder.path()).env_clear().output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn without_a_command_it_shows_its_help() {
    let (code, _, said) = eventboard(&[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("\n  migrate ") && !said.contains("\n  up "), "{said}");
}

#[test]
fn there_is_no_up() {
    let (code, _, said) = eventboard(&["up"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("unrecognized subcommand 'up'"), "{said}");
}

#[test]
fn a_command_that_is_told_of_no_database_says_so() {
    let (code, said, complaint) = eventboard(&["migrate"]);
    assert_eq!((code, said.as_str()), (Some(2), ""));
    assert!(complaint.contains("DATABASE_URL must be set"), "{complaint}");
}
