//! Tests of the commands that read or change the database.

use serde_json::Value;

use crate::support::{Installation, run};

#[tokio::test]
async fn migrating_twice_succeeds() {
    let installation = Installation::create().await;
    for _ in 0..2 {
        assert_eq!(installation.run("migrate").success(), "The database schema is up to date.\n");
    }
}

#[tokio::test]
async fn migrating_shows_how_many_events_are_folded() {
    let installation = Installation::create_with_demo_data().await;
    installation.execute(r#"update "Event" set "foldedVersion" = null"#).await;
    installation.execute("delete from _sqlx_migrations where version > 7").await;
    let mut migrate = installation.command("migrate");
    let output = run(migrate.env("DATABASE_URL", installation.database.url()));
    assert_eq!(output.stderr, "Folding the texts of events: 3 of about 3\n");
    assert_eq!(output.success(), "The database schema is up to date.\n");
}

#[tokio::test]
async fn an_organization_can_be_closed_and_opened() {
    let installation = Installation::create_with_demo_data().await;
    let acme_is_open = || installation.run("org list --json").json()[0]["openSignup"].as_bool().unwrap();
    assert!(acme_is_open());
    installation.run("org close acme-corp").success();
    assert!(!acme_is_open());
    let output = installation.run("org open acme-corp").success();
    assert!(output.contains("01890000-0000-7000-8000-0000000000a1"), "{output}");
    assert!(acme_is_open());
}

#[tokio::test]
async fn a_slug_is_found_in_every_normalization_form_and_letter_case() {
    let installation = Installation::create().await;
    installation
        .execute(
            r#"insert into "Organization" (id, name, slug) values
            (gen_random_uuid(), 'Größe', 'größe'), (gen_random_uuid(), 'Old', 'i-stanbul'),
            (gen_random_uuid(), 'New', U&'i\0307stanbul')"#,
        )
        .await;
    for (slug, expected) in [
        ("größe", "größe"),
        ("Gro\u{308}ße", "größe"),
        ("i-stanbul", "i-stanbul"),
        ("İstanbul", "i\u{307}stanbul"),
    ] {
        let output = run(installation.command("org close").arg(slug)).success();
        assert_eq!(output, format!("{expected} is closed: users cannot join it by signup.\n"));
        run(installation.command("user list --org").arg(slug)).success();
        let shown = run(installation.command("org show").arg(slug)).success();
        assert!(shown.contains(&format!("\n{expected} ")), "{shown}");
    }
}

#[tokio::test]
async fn organizations_are_listed_as_a_table_or_as_json() {
    let installation = Installation::create_with_demo_data().await;
    let table = installation.run("org list").success();
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("SLUG             NAME              SIGNUP  USERS  ID"), "{table}");
    assert!(lines[1].starts_with("acme-corp        Acme Corporation  open    3      0189"), "{table}");
    let json = installation.run("org list --json").json();
    assert_eq!((json.len(), &json[1]["slug"], &json[1]["users"]), (2, &"tech-innovators".into(), &1.into()));
}

#[tokio::test]
async fn an_organization_is_shown_with_its_quotas_by_slug_or_id() {
    let installation = Installation::create_with_demo_data().await;
    let table = installation.run("org show acme-corp").success();
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("SLUG       NAME              SIGNUP  USERS  ID"), "{table}");
    assert!(lines[1].starts_with("acme-corp  Acme Corporation  open    3      0189"), "{table}");
    assert_eq!(lines[3], "QUOTA    USED  LIMIT       SETTING");
    assert_eq!(lines[4], "events   2     2000000     MAX_EVENTS_PER_ORGANIZATION");
    assert!(lines[5].ends_with("4294967296  MAX_BYTES_PER_ORGANIZATION"), "{table}");
    assert_eq!(lines[6], "members  3     100000      MAX_MEMBERS_PER_ORGANIZATION");
    assert_eq!(installation.run("org show 01890000-0000-7000-8000-0000000000a1").success(), table);
    let by_name = run(installation.command("org show").arg("Acme Corporation")).failure(1);
    assert!(by_name.contains("there is no organization Acme Corporation"), "{by_name}");
}

#[tokio::test]
async fn the_shown_quotas_are_those_of_the_settings() {
    let installation = Installation::create_with_demo_data().await;
    installation
        .execute(r#"update "Event" set title = 'Größe', description = 'ten bytes!', location = null"#)
        .await;
    let mut show = installation.command("org show tech-innovators --json");
    show.env("MAX_EVENTS_PER_ORGANIZATION", "7").env("MAX_BYTES_PER_ORGANIZATION", "1000");
    let shown: Value = serde_json::from_str(&run(&mut show).success()).unwrap();
    assert_eq!((&shown["slug"], &shown["openSignup"]), (&"tech-innovators".into(), &true.into()));
    let numbers = |quota: &Value| (quota["used"].as_i64().unwrap(), quota["limit"].as_i64().unwrap());
    let quotas: Vec<_> = shown["quotas"].as_array().unwrap().iter().map(numbers).collect();
    // The texts of the event and its entry in the history.
    assert_eq!(quotas, [(1, 7), (17 + 256, 1000), (1, 100_000)]);
}

#[tokio::test]
async fn a_truncated_list_is_reported_on_stderr() {
    let installation = Installation::create_with_demo_data().await;
    let output = installation.run("user list --limit 3 --json");
    assert_eq!(output.stderr, "Only the first 3 rows are shown; use --limit to show more.\n");
    assert_eq!(output.json().len(), 3);
    assert_eq!(installation.run("user list --limit 4").stderr, "");
}

#[tokio::test]
async fn changing_a_role_reports_when_it_takes_effect() {
    let installation = Installation::create_with_demo_data().await;
    let output = installation.run("user role USER@acme.com moderator").success();
    assert!(output.contains("user@acme.com is MODERATOR"), "{output}");
    assert!(output.contains("30 seconds") && output.contains("log in again"), "{output}");
    let users = installation.run("user list --org acme-corp --json").json();
    assert_eq!((users.len(), &users[2]["role"]), (3, &"MODERATOR".into()));
    let output = installation.run("user role user@acme.com OWNER").failure(2);
    assert!(output.contains("USER, MODERATOR, ADMIN"), "{output}");
}

#[tokio::test]
async fn a_user_can_be_disabled_and_enabled() {
    let installation = Installation::create_with_demo_data().await;
    let admin_is_disabled = || installation.run("user list --json").json()[0]["disabled"].as_bool().unwrap();
    let output = installation.run("user disable admin@acme.com --force").success();
    assert!(output.contains("30 seconds") && output.contains("events stay"), "{output}");
    assert!(admin_is_disabled());
    installation.run("user enable admin@acme.com").success();
    assert!(!admin_is_disabled());
}

/// Two sessions of the admin.
const SESSIONS: &str = r#"
    insert into "Session" (id, "userId", seed, "keyName", "lastUsedAt", "expiresAt", client, address)
    select session::uuid, "User".id, decode(repeat('00', 32), 'hex'), decode(repeat('00', 8), 'hex'), used::timestamptz,
        now() + interval '1 day', client, '203.0.113.0/24'
    from "User", (values
        ('01890000-0000-7000-8000-0000000000e1', '2026-01-01', 'curl/8'),
        ('01890000-0000-7000-8000-0000000000e2', '2026-01-02', 'a browser')
    ) sessions (session, used, client)
    where email = 'admin@acme.com'
"#;

#[tokio::test]
async fn the_sessions_of_a_user_can_be_listed_and_ended() {
    let installation = Installation::create_with_demo_data().await;
    installation.execute(SESSIONS).await;
    let sessions = || installation.run("user sessions ADMIN@acme.com --json").json();
    assert_eq!((&sessions()[0]["client"], &sessions()[1]["client"]), (&"a browser".into(), &"curl/8".into()));

    let revoke = "user revoke admin@acme.com";
    let one = format!("{revoke} --session 01890000-0000-7000-8000-0000000000e1");
    assert!(installation.run(&one).success().contains("1 session has ended"));
    assert!(installation.run(&one).failure(1).contains("no such session"));
    assert_eq!(sessions().len(), 1);

    installation.execute(SESSIONS.replace("000e", "000f").leak()).await;
    assert!(installation.run(revoke).success().contains("3 sessions have ended"));
    assert!(sessions().is_empty());
    let audit = installation.run("audit --json").json();
    let revoked = audit.iter().filter(|entry| entry["action"] == "SESSION_REVOKED");
    assert_eq!(revoked.count(), 4);
}

#[tokio::test]
async fn another_role_ends_the_sessions_in_a_browser() {
    let installation = Installation::create_with_demo_data().await;
    installation.execute(SESSIONS).await;
    let browser =
        r#"update "Session" set "browserSecretHash" = sha256('a secret') where client = 'a browser'"#;
    installation.execute(browser).await;
    let sessions = || installation.run("user sessions admin@acme.com --json").json();
    installation.run("user role admin@acme.com admin").success();
    assert_eq!(sessions().len(), 2, "the role is the same");
    installation.run("user role admin@acme.com moderator --force").success();
    assert_eq!((sessions().len(), &sessions()[0]["client"]), (1, &"curl/8".into()));
    let audit = installation.run("audit --json").json();
    let revoked = audit.iter().find(|entry| entry["action"] == "SESSION_REVOKED").unwrap();
    assert_eq!(revoked["details"]["reason"], "ROLE_CHANGED");
}

#[tokio::test]
async fn a_password_is_read_from_standard_input_and_ends_the_sessions() {
    let installation = Installation::create_with_demo_data().await;
    installation.execute(SESSIONS).await;
    let set = |password: &str| installation.run_with_input("user password ADMIN@acme.com", password);
    assert!(set("too short\n").failure(1).contains("the password must"));
    assert!(set("").failure(1).contains("the password is required"));
    assert_eq!(installation.run("user sessions admin@acme.com --json").json().len(), 2);

    assert!(set("Seven-blue-kettles-9\r\n").success().contains("admin@acme.com has a new password"));
    assert!(installation.run("user sessions admin@acme.com --json").json().is_empty());
    let changed = r#"select count(*) from "User" where email = 'admin@acme.com' and "passwordVersion" = 1"#;
    assert_eq!(installation.query_number(changed).await, 1);
    let mails = installation.run("outbox list --json").json();
    assert_eq!((mails.len(), &mails[0]["kind"]), (1, &"PASSWORD_CHANGED".into()));
    assert_eq!(installation.run("audit --json --limit 1").json()[0]["action"], "PASSWORD_CHANGED");
}

/// Links of the admin, and the address that the admin wants.
const LINKS: &str = r#"
    update "User" set "pendingEmail" = 'new@acme.com', "pendingEmailExpiresAt" = now() + interval '1 day'
    where email = 'admin@acme.com';
    insert into "AccountLink" (id, "userId", kind, seed, email, "expiresAt")
    select gen_random_uuid(), "User".id, kind, decode(repeat('00', 32), 'hex'), link.email, now() + interval '1 hour'
    from "User", (values ('RESET_PASSWORD', null), ('CHANGE_EMAIL', 'new@acme.com')) link (kind, email)
    where "User".email = 'admin@acme.com'
"#;

#[tokio::test]
async fn a_new_password_and_disabling_withdraw_the_links_in_mails() {
    for arguments in ["user password admin@acme.com", "user disable admin@acme.com --force"] {
        let installation = Installation::create_with_demo_data().await;
        installation.execute(LINKS).await;
        installation.run_with_input(arguments, "Seven-blue-kettles-9\n").success();
        let open = r#"
            select (select count(*) from "AccountLink" where "endedAt" is null) + count("pendingEmail") from "User"
        "#;
        assert_eq!(installation.query_number(open).await, 0, "{arguments}");
    }
}

#[tokio::test]
async fn the_operator_vouches_for_an_address_once() {
    let installation = Installation::create_with_demo_data().await;
    installation.execute(r#"update "User" set "emailVerifiedAt" = null"#).await;
    for _ in 0..2 {
        let output = installation.run("user verify USER@acme.com").success();
        assert_eq!(output, "The address user@acme.com counts as verified.\n");
    }
    let verified = r#"select count(*) from "User" where "emailVerifiedAt" is not null"#;
    assert_eq!(installation.query_number(verified).await, 1);
    let audit = installation.run("audit --json").json();
    assert_eq!(audit.iter().filter(|entry| entry["action"] == "EMAIL_VERIFIED").count(), 1);
}

#[tokio::test]
async fn a_mail_is_listed_with_the_address_that_it_goes_to() {
    let installation = Installation::create_with_demo_data().await;
    let mails = r#"
        insert into "Outbox" (id, kind, "organizationId", "recipientId", "correlationId", "toEmail")
        select gen_random_uuid(), kind, "organizationId", "User".id, 'a-request', to_email
        from "User", (values ('CONFIRM_EMAIL', 'new@acme.com'), ('PASSWORD_CHANGED', null)) mail (kind, to_email)
        where email = 'admin@acme.com'
    "#;
    installation.execute(mails).await;
    let listed = installation.run("outbox list --json").json();
    let mut listed: Vec<_> = listed
        .iter()
        .map(|mail| (mail["kind"].as_str().unwrap(), mail["recipient"].as_str().unwrap()))
        .collect();
    listed.sort_unstable();
    assert_eq!(listed, [("CONFIRM_EMAIL", "new@acme.com"), ("PASSWORD_CHANGED", "admin@acme.com")]);
}

#[tokio::test]
async fn twins_are_listed_next_to_the_accounts_that_keep_their_addresses() {
    let installation = Installation::create_with_demo_data().await;
    let spellings = r#"
        update "User" set email = 'straße@acme.com' where email = 'admin@acme.com';
        update "User" set email = 'STRASSE@acme.com', "createdAt" = now() + interval '1 minute' where email = 'user@acme.com'
    "#;
    installation.execute(spellings).await;
    let twins = || {
        let users = installation.run("user list --twins --json").json();
        users.iter().map(|user| user["email"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(twins().is_empty());
    let mut migrate = installation.command("migrate");
    run(migrate.env("DATABASE_URL", installation.database.url())).success();
    assert_eq!(twins(), ["straße@acme.com", "STRASSE@acme.com"]);
    let disabled = installation.run("user disable STRASSE@acme.com").success();
    assert!(disabled.starts_with("STRASSE@acme.com"), "{disabled}");
    assert_eq!(installation.run("user list --twins --org tech-innovators --json").json().len(), 0);
}

#[tokio::test]
async fn a_user_who_is_disabled_has_no_sessions_when_enabled_again() {
    let installation = Installation::create_with_demo_data().await;
    installation.execute(SESSIONS).await;
    installation.run("user disable admin@acme.com --force").success();
    installation.run("user enable admin@acme.com").success();
    assert!(installation.run("user sessions admin@acme.com --json").json().is_empty());
}

#[tokio::test]
async fn the_history_of_an_event_outlives_it_and_its_actor() {
    let installation = Installation::create_with_demo_data().await;
    installation
        .execute(
            r#"insert into "EventHistory" ("eventId", "organizationId", "actorId", action, "fromStatus", "toStatus", reason)
            values ('01890000-0000-7000-8000-000000000002', '01890000-0000-7000-8000-0000000000a1',
                '01890000-0000-7000-8000-00000000dead', 'REJECT', 'SUBMITTED', 'REJECTED', 'not this year')"#,
        )
        .await;
    installation.execute(r#"delete from "Event""#).await;
    let history = "event history 01890000-0000-7000-8000-000000000002";
    let steps = installation.run(&format!("{history} --json")).json();
    assert_eq!((&steps[0]["action"], &steps[0]["actor"]), (&"CREATE".into(), &"user@acme.com".into()));
    assert_eq!((&steps[1]["fromStatus"], &steps[1]["toStatus"]), (&"DRAFT".into(), &"SUBMITTED".into()));
    let deleted_actor = "01890000-0000-7000-8000-00000000dead";
    assert_eq!((&steps[2]["actor"], &steps[2]["reason"]), (&deleted_actor.into(), &"not this year".into()));
    let table = installation.run(history).success();
    assert!(table.lines().nth(1).unwrap().contains("user@acme.com"), "{table}");
}

/// Two users with five keys each, of which two have not expired.
async fn installation_with_keys() -> Installation {
    let installation = Installation::create_with_demo_data().await;
    installation
        .execute(
            r#"insert into "IdempotencyKey"
                ("callerId", operation, key, fingerprint, "requestId", response, "createdAt", "expiresAt")
            select id, 'Create', number::text, sha256(''), id, '', now() + number * interval '1 second',
                now() + (number - 3) * interval '1 hour'
            from "User", generate_series(1, 5) number where email in ('admin@acme.com', 'user@acme.com')"#,
        )
        .await;
    installation
}

#[tokio::test]
async fn unexpired_idempotency_keys_are_listed_newest_first() {
    let installation = installation_with_keys().await;
    let keys = installation.run("idempotency list --caller user@acme.com --json").json();
    let shown: Vec<_> = keys.iter().map(|key| (key["caller"].as_str(), key["key"].as_str())).collect();
    assert_eq!(shown, [(Some("user@acme.com"), Some("5")), (Some("user@acme.com"), Some("4"))]);
    let table = installation.run("idempotency list").success();
    assert_eq!(table.lines().count(), 5, "{table}");
}

#[tokio::test]
async fn an_idempotency_key_is_shown_with_the_service_and_its_operation() {
    let installation = installation_with_keys().await;
    let keys = installation.run("idempotency list --caller user@acme.com --json").json();
    assert_eq!((&keys[0]["service"], &keys[0]["operation"]), (&"events-service".into(), &"Create".into()));
    let table = installation.run("idempotency list").success();
    assert!(table.lines().skip(1).all(|line| line.contains(" events-service/Create ")), "{table}");
}

#[tokio::test]
async fn idempotency_keys_are_cleared_by_key_by_caller_or_all_at_once() {
    let installation = installation_with_keys().await;
    let remaining = || installation.query_number(r#"select count(*) from "IdempotencyKey""#);
    let output = installation.run("idempotency clear --key 5 --caller admin@acme.com").success();
    assert!(output.starts_with("Removed 1 idempotency key.") && output.contains("60 seconds"), "{output}");
    assert_eq!(remaining().await, 9);
    installation.run("idempotency clear --caller admin@acme.com").success();
    assert_eq!(remaining().await, 5);
    installation.run("idempotency clear --all").success();
    assert_eq!(remaining().await, 0);
    installation.run("idempotency clear").failure(2);
}

#[tokio::test]
async fn an_error_names_what_does_not_exist() {
    let installation = Installation::create_with_demo_data().await;
    for (arguments, expected) in [
        ("org show nowhere", "there is no organization nowhere"),
        ("org open nowhere", "there is no organization nowhere"),
        ("org close nowhere", "there is no organization nowhere"),
        ("org settings nowhere", "there is no organization nowhere"),
        ("org members nowhere", "there is no organization nowhere"),
        ("org invite nowhere ada@example.org", "there is no organization nowhere"),
        ("org invitations nowhere", "there is no organization nowhere"),
        ("org uninvite nowhere 00000000-0000-0000-0000-000000000009", "there is no organization nowhere"),
        ("org transfer nowhere --from a@acme.com --to b@acme.com", "there is no organization nowhere"),
        ("org delete nowhere --force", "there is no organization nowhere"),
        ("user list --org nowhere", "there is no organization nowhere"),
        ("user role nobody@acme.com ADMIN", "there is no user nobody@acme.com"),
        ("user sessions nobody@acme.com", "there is no user nobody@acme.com"),
        ("user revoke nobody@acme.com", "there is no user nobody@acme.com"),
        ("user disable nobody@acme.com", "there is no user nobody@acme.com"),
        ("user enable nobody@acme.com", "there is no user nobody@acme.com"),
        ("user delete nobody@acme.com", "there is no user nobody@acme.com"),
        ("idempotency list --caller nobody@acme.com", "there is no user nobody@acme.com"),
        ("idempotency clear --caller nobody@acme.com", "there is no user nobody@acme.com"),
        ("idempotency clear --key nothing", "no such idempotency key: nothing"),
        (
            "event history 00000000-0000-0000-0000-000000000009",
            "no event 00000000-0000-0000-0000-000000000009",
        ),
    ] {
        let output = installation.run(arguments).failure(1);
        assert!(output.contains(expected), "{arguments}: {output}");
    }
    let output = installation.run("event history 9").failure(2);
    assert!(output.contains("'9'"), "{output}");
}

#[tokio::test]
async fn a_database_without_a_schema_is_reported_with_the_fix() {
    let installation = Installation::create().await;
    installation.execute("drop schema public cascade").await;
    let output = installation.run("user list").failure(1);
    assert!(output.contains("no schema yet; run `eventboard migrate` to create it"), "{output}");
}

#[tokio::test]
async fn every_command_that_changes_something_is_in_the_audit() {
    let installation = Installation::create_with_demo_data().await;
    for command in [
        "org close acme-corp",
        "user role user@acme.com moderator",
        "user disable user@acme.com",
        "user enable user@acme.com",
        // These change nothing.
        "org close acme-corp",
        "user role user@acme.com moderator",
        "user enable user@acme.com",
        "org settings acme-corp --open-signup false",
        "org transfer acme-corp --from moderator@acme.com --to admin@acme.com",
        "idempotency clear --all",
        "seed",
        "migrate",
        // These change something again.
        "org settings acme-corp --time-zone Europe/Berlin",
        "org invite acme-corp ada@example.org",
        "org transfer acme-corp --from user@acme.com --to admin@acme.com",
    ] {
        installation.run(command).success();
    }
    let audit = installation.run("audit --organization acme-corp --json").json();
    let entries: Vec<_> = audit
        .iter()
        .map(|entry| {
            assert_eq!(entry["client"], "eventboard (operator)");
            assert_eq!((&entry["actor"], &entry["address"]), (&Value::Null, &Value::Null));
            let text = |field: &str| entry[field].as_str().unwrap().to_owned();
            (text("action"), text("target"), entry["details"].to_string())
        })
        .collect();
    let invitation = installation.run("org invitations acme-corp --json").json();
    let invitation = invitation[0]["id"].as_str().unwrap();
    let expected = [
        (
            "EVENTS_TRANSFERRED",
            "user@acme.com",
            r#"{"events":1,"to":"01890000-0000-7000-8000-0000000000b1"}"#,
        ),
        ("INVITATION_CREATED", invitation, r#"{"role":"USER"}"#),
        ("SETTINGS_CHANGED", "acme-corp", r#"{"timeZone":{"from":"UTC","to":"Europe/Berlin"}}"#),
        ("USER_ENABLED", "user@acme.com", "{}"),
        ("USER_DISABLED", "user@acme.com", "{}"),
        ("ROLE_CHANGED", "user@acme.com", r#"{"from":"USER","to":"MODERATOR"}"#),
        ("SETTINGS_CHANGED", "acme-corp", r#"{"openSignup":{"from":true,"to":false}}"#),
    ];
    assert_eq!(
        entries,
        expected.map(|(action, target, details)| (action.into(), target.into(), details.into()))
    );
}

#[tokio::test]
async fn the_audit_also_shows_what_belongs_to_no_organization() {
    let installation = Installation::create_with_demo_data().await;
    let insert = r#"
        insert into "IdempotencyKey" ("callerId", service, operation, key, fingerprint, "requestId", response, "expiresAt")
        values (gen_random_uuid(), 'events-service', 'Create', 'a', decode(repeat('00', 32), 'hex'), gen_random_uuid(), '',
            now() + interval '1 hour')
    "#;
    installation.execute(insert).await;
    installation.run("idempotency clear --key a").success();
    let audit = installation.run("audit --json").json();
    assert_eq!(audit[0]["action"], "IDEMPOTENCY_KEYS_CLEARED");
    assert_eq!((&audit[0]["organization"], &audit[0]["details"]["keys"]), (&Value::Null, &1.into()));
    assert_eq!(audit[1]["action"], "DATA_SEEDED");
    let table = installation.run("audit --limit 1").success();
    assert!(table.starts_with("AT") && table.contains("IDEMPOTENCY_KEYS_CLEARED"), "{table}");
    assert!(!table.contains("DATA_SEEDED"), "{table}");
}

#[tokio::test]
async fn mails_that_wait_for_another_attempt_need_not_wait() {
    let installation = Installation::create_with_demo_data().await;
    installation
        .execute(
            r#"insert into "Outbox" (id, kind, "organizationId", "recipientId", "correlationId", attempts, "lastError", "dueAt")
            select ('00000000-0000-7000-8000-00000000000' || number)::uuid, 'WELCOME', "organizationId", id, 'a-request',
                number, error, now() + interval '1 hour'
            from "User", (values
                (1, 'connect: the connection failed'), (2, 'connect: the connection failed'),
                -- A process is sending this one.
                (3, null)
            ) mails (number, error)
            where email = 'admin@acme.com'"#,
        )
        .await;
    let id = |number| format!("00000000-0000-7000-8000-00000000000{number}");
    let output = installation.run(&format!("outbox retry {}", id(3))).failure(1);
    assert!(output.contains("none of these mails is DEAD or waits"), "{output}");
    let output = installation.run(&format!("outbox retry {} {}", id(1), id(3))).success();
    assert_eq!(output, "1 mail will be sent again.\n");
    assert_eq!(installation.run("outbox retry --dead").success(), "0 mails will be sent again.\n");
    assert_eq!(installation.run("outbox retry --due").success(), "1 mail will be sent again.\n");
    assert_eq!(installation.run("outbox retry --due").success(), "0 mails will be sent again.\n");
    let unchanged =
        r#"select count(*) from "Outbox" where ("dueAt" <= now()) = (attempts < 3) and state = 'DUE'"#;
    assert_eq!(installation.query_number(unchanged).await, 3);
}

#[tokio::test]
async fn dead_mails_are_listed_and_sent_again() {
    let installation = Installation::create_with_demo_data().await;
    installation
        .execute(
            r#"insert into "Outbox" (id, kind, "organizationId", "recipientId", "correlationId", attempts, state,
                "lastError", "finishedAt")
            select ('00000000-0000-7000-8000-00000000000' || number)::uuid, 'WELCOME', "organizationId", id, 'a-request',
                number, state, error, case when state <> 'DUE' then now() end
            from "User", (values
                (1, 'DUE', null), (2, 'DONE', null), (3, 'DEAD', 'RCPT TO: the server replied 550'),
                (4, 'DEAD', E'a\u001b[2J')
            ) mails (number, state, error)
            where email = 'admin@acme.com'"#,
        )
        .await;
    let states = || {
        let mails = installation.run("outbox list --json").json();
        mails.iter().map(|mail| mail["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(states(), ["DEAD", "DEAD", "DONE", "DUE"]);
    let table = installation.run("outbox list --state dead").success();
    assert!(table.contains("RCPT TO: the server replied 550") && table.contains(r"a\u{1b}[2J"), "{table}");
    assert!(table.contains("admin@acme.com") && !table.contains("DONE"), "{table}");

    let id = |number| format!("00000000-0000-7000-8000-00000000000{number}");
    let output = installation.run(&format!("outbox retry {} {}", id(1), id(2))).failure(1);
    assert!(output.contains("none of these mails is DEAD or waits"), "{output}");
    let output = installation.run(&format!("outbox retry {} {}", id(2), id(3))).success();
    assert_eq!(output, "1 mail will be sent again.\n");
    assert_eq!(states(), ["DEAD", "DUE", "DONE", "DUE"]);
    assert_eq!(installation.run("outbox retry --dead").success(), "1 mail will be sent again.\n");
    assert_eq!(installation.run("outbox retry --dead").success(), "0 mails will be sent again.\n");
    let retried = &installation.run("outbox list --limit 1 --json").json()[0];
    assert_eq!((&retried["attempts"], &retried["finishedAt"]), (&0.into(), &Value::Null));

    installation
        .execute(r#"update "Outbox" set state = 'DEAD', "finishedAt" = now() where state = 'DUE'"#)
        .await;
    assert_eq!(installation.run(&format!("outbox discard {}", id(1))).success(), "1 mail deleted.\n");
    assert_eq!(installation.run("outbox discard --dead").success(), "2 mails deleted.\n");
    assert_eq!(states(), ["DONE"]);
    let audit = installation.run("audit --json").json();
    assert_eq!(audit[0]["action"], "MAILS_DISCARDED");
    assert_eq!((&audit[0]["details"]["mails"], &audit[2]["action"]), (&2.into(), &"MAILS_RETRIED".into()));
}
