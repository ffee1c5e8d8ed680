//! What the operator does with an organization, as an admin would.

use serde_json::{Value, json};

use crate::support::{Installation, Output, run};

/// Runs a command whose arguments contain spaces.
fn run_with(installation: &Installation, command: &str, arguments: &[&str]) -> Output {
    run(installation.command(command).args(arguments))
}

fn texts<'v>(rows: &'v [Value], field: &str) -> Vec<&'v str> {
    rows.iter().map(|row| row[field].as_str().unwrap()).collect()
}

#[tokio::test]
async fn settings_are_shown_and_changed() {
    let installation = Installation::create_with_demo_data().await;
    let shown = installation.run("org settings acme-corp").success();
    assert_eq!(
        shown,
        "SLUG       NAME              SIGNUP  TIME ZONE\nacme-corp  Acme Corporation  open    UTC\n"
    );
    assert!(installation.audit("acme-corp").is_empty(), "showing changes nothing");

    let changes =
        ["--name", " Acme & Sons ", "--open-signup", "false", "--time-zone", "Europe/Berlin", "--json"];
    for _ in 0..2 {
        let changed = run_with(&installation, "org settings acme-corp", &changes).success();
        let expected = json!({ "id": "01890000-0000-7000-8000-0000000000a1", "slug": "acme-corp",
            "name": "Acme & Sons", "openSignup": false, "timeZone": "Europe/Berlin" });
        assert_eq!(serde_json::from_str::<Value>(&changed).unwrap(), expected);
    }
    let change = json!({ "name": { "from": "Acme Corporation", "to": "Acme & Sons" },
        "openSignup": { "from": true, "to": false }, "timeZone": { "from": "UTC", "to": "Europe/Berlin" } });
    assert_eq!(installation.audit("acme-corp"), [("SETTINGS_CHANGED".into(), change)]);

    for (option, value, expected) in [
        ("--name", "!", "must be 2 to 100 characters long"),
        ("--open-signup", "perhaps", "true, false"),
        ("--time-zone", "Mars/Olympus", "must be a time zone of the IANA database"),
    ] {
        let output = run_with(&installation, "org settings acme-corp", &[option, value]).failure(2);
        assert!(output.contains(expected), "{output}");
    }
}

/// Members whose names differ in letter case, are equal, or contain what has a meaning in patterns.
const MEMBERS: &str = r#"
    insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
    select ('00000000-0000-7000-8000-00000000000' || number)::uuid, "Organization".id, email, first, last, 'USER', '$argon2id$'
    from "Organization", (values
        (3, 'zoe@example.org', 'Zoe', 'adminski'), (2, 'ann@example.org', 'Ann', 'Twin'), (1, 'an@example.org', 'ann', 'twin'),
        (4, 'x100%_@example.org', 'Per_cent', '100%')
    ) member (number, email, first, last)
    where slug = 'acme-corp'
"#;

#[tokio::test]
async fn members_are_listed_by_name_and_found_by_the_beginnings_of_words() {
    let installation = Installation::create_with_demo_data().await;
    installation.execute(MEMBERS).await;
    let found = |arguments: &[&str]| {
        let members = run_with(&installation, "org members acme-corp --json", arguments).json();
        texts(&members, "email").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        found(&[]),
        [
            "x100%_@example.org",
            "admin@acme.com",
            "zoe@example.org",
            "moderator@acme.com",
            "an@example.org",
            "ann@example.org",
            "user@acme.com"
        ]
    );
    let twins = ["an@example.org", "ann@example.org"];
    for (search, expected) in [
        ("ADMIN", &["admin@acme.com", "zoe@example.org"][..]),
        ("ann tw", &twins),
        ("tw an", &twins),
        ("dmin", &[]),
        ("admin@acme", &["admin@acme.com"]),
        ("%", &[]),
        ("_", &[]),
        ("100%", &["x100%_@example.org"]),
        ("per_", &["x100%_@example.org"]),
        (" ", &found(&[]).iter().map(String::as_str).collect::<Vec<_>>()),
    ] {
        assert_eq!(found(&["--search", search]), expected, "{search}");
    }
    assert_eq!(found(&["--role", "admin"]), ["admin@acme.com"]);
    assert_eq!(found(&["--role", "user", "--search", "a", "--limit", "1"]), ["zoe@example.org"]);

    let table = installation.run("org members tech-innovators").success();
    let lines: Vec<_> = table.lines().collect();
    assert!(
        lines[0].starts_with("NAME       EMAIL                    ADDRESS   ROLE  LOGIN    ID"),
        "{table}"
    );
    assert!(
        lines[1].starts_with("Theo Tech  user@techinnovators.com  verified  USER  enabled  0189"),
        "{table}"
    );
    assert_eq!(lines.len(), 2, "nobody of another organization: {table}");
}

#[tokio::test]
async fn an_invitation_is_sent_by_mail_and_can_be_withdrawn() {
    let installation = Installation::create_with_demo_data().await;
    let output = installation.run("org invite acme-corp Ada@example.org").success();
    assert!(output.starts_with("Ada@example.org may join acme-corp as USER until 20"), "{output}");
    assert!(output.ends_with("The mail is on its way.\n"), "{output}");
    let invited =
        installation.run("org invite acme-corp grace@example.org --role moderator --json").success();
    let grace: Value = serde_json::from_str(&invited).unwrap();
    let fields: Vec<_> = grace.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["createdAt", "email", "expiresAt", "id", "role"], "no token");
    assert_eq!((&grace["email"], &grace["role"]), (&"grace@example.org".into(), &"MODERATOR".into()));

    let mails = r#"
        select count(*) from "Outbox" join "Invitation" invitation on invitation.id = "linkId"
        where kind = 'INVITATION' and state = 'DUE' and "invitedById" is null and "recipientId" is null
    "#;
    assert_eq!(installation.query_number(mails).await, 2);
    let open = || installation.run("org invitations acme-corp --json").json();
    assert_eq!(texts(&open(), "email"), ["grace@example.org", "Ada@example.org"]);
    assert_eq!(open()[0], grace);
    let table = installation.run("org invitations acme-corp").success();
    assert!(table.starts_with("EMAIL              ROLE       CREATED"), "{table}");

    let uninvite = format!("org uninvite acme-corp {}", grace["id"].as_str().unwrap());
    let elsewhere = uninvite.replace("acme-corp", "tech-innovators");
    assert!(installation.run(&elsewhere).failure(1).contains("there is no open invitation"));
    assert!(installation.run(&uninvite).success().contains("its link no longer works"));
    assert!(installation.run(&uninvite).failure(1).contains("there is no open invitation"));
    assert_eq!(texts(&open(), "email"), ["Ada@example.org"]);
    assert!(installation.rows_with("grace").await.is_empty());

    installation.run("org invite acme-corp ada@EXAMPLE.org --role admin").success();
    assert_eq!(texts(&open(), "email"), ["ada@EXAMPLE.org"], "the invitation of the same address is renewed");
    let audit = installation.audit("acme-corp");
    assert_eq!(
        audit,
        [
            ("INVITATION_CREATED".into(), json!({ "role": "ADMIN" })),
            ("INVITATION_WITHDRAWN".into(), json!({ "reason": "WITHDRAWN" })),
            ("INVITATION_CREATED".into(), json!({ "role": "MODERATOR" })),
            ("INVITATION_CREATED".into(), json!({ "role": "USER" })),
        ]
    );
}

#[tokio::test]
async fn an_invitation_is_refused_for_what_is_no_address_and_above_the_limit() {
    let installation = Installation::create_with_demo_data().await;
    let output = installation.run("org invite acme-corp ada@localhost").failure(2);
    assert!(output.contains("must be a valid e-mail address"), "{output}");
    installation
        .execute(
            r#"insert into "Invitation" (id, "organizationId", email, role, seed, "expiresAt")
            select gen_random_uuid(), id, number || '@example.org', 'USER', sha256(''), now() + interval '1 day'
            from "Organization", generate_series(1, 50) number where slug = 'acme-corp'"#,
        )
        .await;
    let output = installation.run("org invite acme-corp ada@example.org").failure(1);
    assert_eq!(output, "eventboard: The organization has reached its limit of invitations in a day (50).\n");
    assert!(installation.mails().is_empty());
    installation.run("org invite tech-innovators ada@example.org").success();
}

#[tokio::test]
async fn the_events_of_a_member_are_handed_over() {
    let installation = Installation::create_with_demo_data().await;
    // The texts of one event have not been folded since they were changed.
    installation
        .execute(
            r#"insert into "Event" (id, "organizationId", "createdById", title, description, "startDate", "endDate",
                "createdAt", "updatedAt", version)
            select '01890000-0000-7000-8000-0000000000f1', "organizationId", id, 'A picnic', 'With cake for everybody.', now(),
                now() + interval '1 hour', now(), now() - interval '1 day', 7
            from "User" where email = 'user@acme.com'"#,
        )
        .await;
    let transfer = "org transfer acme-corp --to moderator@acme.com --from";
    let output = installation.run(&format!("{transfer} USER@acme.com")).success();
    assert_eq!(output, "2 events now belong to moderator@acme.com instead of user@acme.com.\n");
    let changed = r#"
        select count(*) from "Event"
        where "createdById" = '01890000-0000-7000-8000-0000000000b2' and "updatedAt" > now() - interval '1 hour'
    "#;
    assert_eq!(installation.query_number(changed).await, 2);
    let folded = r#"
        select count(*) from "Event" where title = 'Team Building Workshop' and version = 3 and "foldedVersion" is not null
    "#;
    assert_eq!(installation.query_number(folded).await, 1, "a search finds it as before");
    let unfolded = r#"
        select count(*) from "Event" where title = 'A picnic' and version = 8 and "foldedVersion" is null
    "#;
    assert_eq!(installation.query_number(unfolded).await, 1, "its texts still wait to be folded");
    let details = json!({ "to": "01890000-0000-7000-8000-0000000000b2", "events": 2 });
    assert_eq!(installation.audit("acme-corp"), [("EVENTS_TRANSFERRED".into(), details)]);
    let entry = &installation.run("audit --json --limit 1").json()[0];
    assert_eq!(entry["target"], "user@acme.com");

    let output = installation.run(&format!("{transfer} user@acme.com")).success();
    assert_eq!(output, "0 events now belong to moderator@acme.com instead of user@acme.com.\n");
    assert_eq!(installation.audit("acme-corp").len(), 1, "nothing was handed over");
    for (from, expected) in [
        ("moderator@acme.com", "moderator@acme.com has these events already"),
        ("user@techinnovators.com", "user@techinnovators.com is no member of acme-corp"),
        ("nobody@acme.com", "there is no user nobody@acme.com"),
    ] {
        let output = installation.run(&format!("{transfer} {from}")).failure(1);
        assert!(output.contains(expected), "{output}");
    }
}

#[tokio::test]
async fn an_organization_is_deleted_with_everything_in_it_if_the_operator_insists() {
    let installation = Installation::create_with_demo_data().await;
    installation.run("org invite acme-corp ada@example.org").success();
    let output = installation.run("org delete acme-corp").failure(1);
    assert!(output.contains("acme-corp has 3 members and 2 events"), "{output}");
    assert!(output.contains("use --force"), "{output}");
    assert_eq!(installation.run("org list --json").json().len(), 2);

    let output = installation.run("org delete acme-corp --force").success();
    assert_eq!(output, "acme-corp is deleted with 3 members and 2 events. Mails tell the members.\n");
    assert_eq!(texts(&installation.run("org list --json").json(), "slug"), ["tech-innovators"]);
    assert_eq!(installation.mails(), ["ACCOUNT_DELETED"; 3]);
    for text in ["acme-corp", "Acme Corporation", "Uma", "ada@example.org", "Team Building Workshop"] {
        let found = installation.rows_with(text).await;
        assert!(found.is_empty(), "{text}: {found:?}");
    }
    let addresses = installation.rows_with("@acme.com").await;
    assert_eq!(addresses.len(), 3, "only the mails that are on their way know the addresses: {addresses:?}");
    assert!(addresses.iter().all(|row| row.starts_with("Outbox ")), "{addresses:?}");
    assert_eq!(installation.run("user list --json").json().len(), 1);
    let audit = installation.run("audit --json --limit 4").json();
    assert_eq!(
        texts(&audit, "action"),
        ["ORGANIZATION_DELETED", "USER_DELETED", "USER_DELETED", "USER_DELETED"]
    );
    assert_eq!(audit[0]["target"], "01890000-0000-7000-8000-0000000000a1");
}
