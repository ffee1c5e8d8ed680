//! Tests of what reaches the operator's terminal, and of commands whose stdout or stderr is closed.

use std::{
    fs::File,
    process::{Command, Stdio},
};

use crate::support::{Installation, eventboard, run, world_readable_folder};

/// Texts as an earlier version or another program may have stored them.
const HOSTILE_ROWS: &str = r#"
    insert into "Organization" (id, name, slug) values
        ('0198c5b0-0000-7000-8000-000000000001', E'Evil\u001b[2J\u202eproC\n(fake row)', E'evil\u200b');
    insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash") values
        ('0198c5b0-0000-7000-8000-000000000002', '0198c5b0-0000-7000-8000-000000000001', E'a\u2066@example.org',
            E'Ada\u009b31m', E'\u2029Love\ufefflace\U000e0041', 'USER', '$argon2id$x');
    insert into "EventHistory" ("eventId", "organizationId", "actorId", action, "fromStatus", "toStatus", reason) values
        ('0198c5b0-0000-7000-8000-000000000003', '0198c5b0-0000-7000-8000-000000000001',
            '0198c5b0-0000-7000-8000-000000000002', 'REJECT', 'SUBMITTED', 'REJECTED', E'first\r\n\u202esecond\u0007');
    insert into "IdempotencyKey" ("callerId", operation, key, fingerprint, "requestId", response, "expiresAt") values
        ('0198c5b0-0000-7000-8000-000000000002', 'Create', E'k\u001b', sha256(''), gen_random_uuid(), '',
            now() + interval '1 hour')"#;

const LISTS: [&str; 5] = [
    "org list",
    "org show 0198c5b0-0000-7000-8000-000000000001",
    "user list",
    "event history 0198c5b0-0000-7000-8000-000000000003",
    "idempotency list",
];

fn assert_harmless(text: &str) {
    let is_harmless = |character: char| character == '\n' || (' '..='~').contains(&character);
    assert!(text.chars().all(is_harmless), "{text:?}");
}

async fn hostile_installation() -> Installation {
    let installation = Installation::create().await;
    installation.execute(HOSTILE_ROWS).await;
    installation
}

#[tokio::test]
async fn texts_from_the_database_reach_the_terminal_escaped_and_each_row_is_one_line() {
    let installation = hostile_installation().await;
    for arguments in LISTS {
        let table = installation.run(arguments).success();
        assert_harmless(&table);
        let lines = if arguments.starts_with("org show") { 7 } else { 2 };
        assert_eq!(table.lines().count(), lines, "{table}");
        assert_harmless(&installation.run(&format!("{arguments} --json")).success());
    }
    let table = installation.run("org list").success();
    assert!(
        table.contains(r"evil\u{200b}") && table.contains(r"Evil\u{1b}[2J\u{202e}proC\n(fake row)"),
        "{table}"
    );
    let users = installation.run("user list --json").json();
    assert_eq!(users[0]["lastName"], "\u{2029}Love\u{feff}lace\u{e0041}");
}

#[tokio::test]
async fn messages_and_errors_are_escaped() {
    let installation = hostile_installation().await;
    let output = run(installation.command("user disable").arg("A\u{2066}@example.org")).success();
    assert_harmless(&output);
    assert!(output.starts_with(r"a\u{2066}@example.org is disabled"), "{output}");
    let output = run(installation.command("org open").arg("x\u{1b}[2J\u{202e}")).failure(1);
    assert_harmless(&output);
    assert!(output.contains(r"there is no organization x\u{1b}[2J\u{202e}"), "{output}");
    for command in ["event history", "org", "user list --limit"] {
        let output = run(installation.command(command).arg("x\u{1b}[31m\u{202e}")).failure(2);
        assert_harmless(&output);
        // The parser has already removed the color.
        assert!(output.contains(r"x\u{202e}"), "{output}");
    }
}

/// Runs the command in a shell with these redirections.
fn redirect(command: &mut Command, redirections: &str) -> Option<i32> {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!(r#"exec "$0" "$@" {redirections}"#)).arg(command.get_program());
    shell.args(command.get_args()).current_dir(command.get_current_dir().unwrap()).env_clear();
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let status = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    status.code()
}

/// The exit code of the command when nobody reads its stdout or its stderr.
fn run_with_closed_pipes(command: &mut Command, closed: [bool; 2]) -> Option<i32> {
    let pipe = |is_closed: bool| match is_closed {
        true => Stdio::from(std::io::pipe().unwrap().1),
        false => Stdio::null(),
    };
    command.stdout(pipe(closed[0])).stderr(pipe(closed[1])).status().unwrap().code()
}

#[tokio::test]
async fn a_command_survives_a_closed_or_full_stdout_and_stderr() {
    let installation = Installation::create_with_demo_data().await;
    for (arguments, code) in [
        ("org list", 0),
        ("user list --limit 1", 0),
        ("seed", 0),
        ("--help", 0),
        ("org show nowhere", 1),
        ("org frobnicate", 2),
    ] {
        for redirections in [">&-", "2>&-", ">&- 2>&-", "2>/dev/full"] {
            let exit = redirect(&mut installation.command(arguments), redirections);
            assert_eq!(exit, Some(code), "{arguments} {redirections}");
        }
        for closed in [[true, false], [false, true], [true, true]] {
            let exit = run_with_closed_pipes(&mut installation.command(arguments), closed);
            assert_eq!(exit, Some(code), "{arguments} {closed:?}");
        }
    }
}

#[tokio::test]
async fn a_full_stdout_is_an_error() {
    let installation = Installation::create_with_demo_data().await;
    for arguments in ["org list", "user list --json", "--help"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = installation.command(arguments).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments}: {stderr}");
        assert!(stderr.contains("the output cannot be written to stdout"), "{stderr}");
        let exit = redirect(&mut installation.command(arguments), ">/dev/full 2>&1");
        assert_eq!(exit, Some(1), "{arguments}");
    }
}

#[test]
fn an_invalid_configuration_has_its_exit_code_even_if_stderr_is_closed() {
    let folder = world_readable_folder();
    let mut up = eventboard(folder.path(), "up");
    assert_eq!(run_with_closed_pipes(up.env("GATEWAY_PORT", "x"), [true, true]), Some(2));
}
