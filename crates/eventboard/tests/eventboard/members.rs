//! What the operator does with the members of an organization, as an admin would.

use serde_json::json;

use crate::support::Installation;

/// Gives the user of Acme a name that nothing else contains, an approved event, and something in every table that names users.
const LEAVER: &str = r#"
    update "User" set email = 'zuleika@quimby.example', "normalizedEmail" = 'zuleika@quimby.example', "firstName" = 'Zuleika',
        "lastName" = 'Quimby', "pendingEmail" = 'zuleika@new.example', "pendingEmailExpiresAt" = now() + interval '1 day'
    where email = 'user@acme.com';
    insert into "Event"
        (id, "organizationId", "createdById", title, description, "startDate", "endDate", "createdAt", "updatedAt", status)
    select '01890000-0000-7000-8000-0000000000f1', "organizationId", id, 'A picnic', 'With cake for everybody.', now(),
        now() + interval '1 hour', now(), now(), 'APPROVED'
    from "User" where email = 'zuleika@quimby.example';
    insert into "Session" (id, "userId", seed, "keyName", "expiresAt", address)
    select gen_random_uuid(), id, sha256(''), decode(repeat('00', 8), 'hex'), now() + interval '1 day', '203.0.113.0/24'
    from "User" where email = 'zuleika@quimby.example';
    insert into "AccountLink" (id, "userId", kind, seed, email, "expiresAt")
    select gen_random_uuid(), id, 'CHANGE_EMAIL', sha256(''), 'zuleika@new.example', now() + interval '1 hour'
    from "User" where email = 'zuleika@quimby.example';
    insert into "KnownAddress" ("userId", block)
    select id, '203.0.113.7' from "User" where email = 'zuleika@quimby.example';
    insert into "Invitation" (id, "organizationId", "invitedById", email, role, seed, "expiresAt")
    select gen_random_uuid(), "organizationId", id, 'friend@quimby.example', 'USER', sha256(''), now() + interval '1 day'
    from "User" where email = 'zuleika@quimby.example';
    insert into "Outbox" (id, kind, "organizationId", "recipientId", "correlationId", "toEmail")
    select gen_random_uuid(), 'CONFIRM_EMAIL', "organizationId", id, 'a-request', 'zuleika@new.example'
    from "User" where email = 'zuleika@quimby.example';
    insert into "Outbox" (id, kind, "correlationId", "typedEmail")
    values (gen_random_uuid(), 'PASSWORD_RESET', 'a-request', 'Zuleika@Quimby.example');
    insert into "IdempotencyKey" ("callerId", operation, key, fingerprint, "requestId", response, "expiresAt")
    select id, 'Create', 'zuleika', sha256(''), id, '', now() + interval '1 hour'
    from "User" where email = 'zuleika@quimby.example'
"#;

#[tokio::test]
async fn the_last_admin_who_can_log_in_stays_unless_the_operator_insists() {
    let installation = Installation::create_with_demo_data().await;
    let enabled_admins = r#"
        select count(*) from "User" where email = 'admin@acme.com' and role = 'ADMIN' and not disabled
    "#;
    for (command, undo) in [
        ("user role admin@acme.com moderator", Some("user role admin@acme.com admin")),
        ("user disable admin@acme.com", Some("user enable admin@acme.com")),
        ("user delete admin@acme.com", None),
    ] {
        let output = installation.run(command).failure(1);
        assert!(output.contains("the last admin of the organization who can log in"), "{command}: {output}");
        assert!(output.contains("--force"), "{command}: {output}");
        assert_eq!(installation.query_number(enabled_admins).await, 1, "{command}");
        installation.run(&format!("{command} --force")).success();
        assert_eq!(installation.query_number(enabled_admins).await, 0, "{command}");
        if let Some(undo) = undo {
            installation.run(undo).success();
        }
    }
    let actions: Vec<_> = installation.audit("acme-corp").into_iter().map(|(action, _)| action).collect();
    assert_eq!(
        actions,
        ["USER_DELETED", "USER_ENABLED", "USER_DISABLED", "ROLE_CHANGED", "ROLE_CHANGED"],
        "what was refused is not recorded"
    );
}

#[tokio::test]
async fn an_admin_may_go_while_another_one_can_log_in() {
    let installation = Installation::create_with_demo_data().await;
    installation.run("user role moderator@acme.com admin").success();
    installation.run("user role admin@acme.com user").success();
    installation.run("user role admin@acme.com admin").success();
    installation.run("user disable moderator@acme.com").success();
    let output = installation.run("user delete admin@acme.com").failure(1);
    assert!(output.contains("the last admin"), "a disabled admin does not count: {output}");
    installation.run("user enable moderator@acme.com").success();
    installation.run("user delete admin@acme.com").success();
}

#[tokio::test]
async fn a_mail_tells_a_user_what_the_operator_did() {
    let installation = Installation::create_with_demo_data().await;
    installation.run("user role user@acme.com moderator").success();
    installation.run("user disable user@acme.com").success();
    installation.run("user enable user@acme.com").success();
    assert_eq!(installation.mails(), ["USER_DISABLED", "ROLE_CHANGED"]);
    // These change nothing.
    installation.run("user role user@acme.com moderator").success();
    installation.run("user enable user@acme.com").success();
    assert_eq!(installation.mails().len(), 2);
    let tied = r#"select count(*) from "Outbox" where "correlationId" ~ '^[0-9a-f-]{36}$'"#;
    assert_eq!(installation.query_number(tied).await, 2);
}

#[tokio::test]
async fn disabling_ends_sessions_and_open_invitations() {
    let installation = Installation::create_with_demo_data().await;
    installation.execute(LEAVER).await;
    installation.run("user disable zuleika@quimby.example").success();
    assert!(installation.run("user sessions zuleika@quimby.example --json").json().is_empty());
    assert!(installation.run("org invitations acme-corp --json").json().is_empty());
    let audit = installation.audit("acme-corp");
    assert_eq!(audit[0], ("USER_DISABLED".into(), json!({})));
    assert_eq!((audit[1].0.as_str(), &audit[1].1["reason"]), ("SESSION_REVOKED", &"USER_DISABLED".into()));
    assert_eq!(audit[2], ("INVITATION_WITHDRAWN".into(), json!({ "reason": "INVITER_NO_ADMIN" })));
}

#[tokio::test]
async fn a_deleted_user_leaves_nothing_but_approved_events() {
    let installation = Installation::create_with_demo_data().await;
    installation.execute(LEAVER).await;
    let output = installation.run("user delete ZULEIKA@quimby.example").success();
    assert!(output.starts_with("zuleika@quimby.example is deleted, and a mail says so."), "{output}");
    assert!(output.contains("1 event that is not approved"), "{output}");
    assert!(output.contains(r#"1 approved event stays under "Former member""#), "{output}");

    assert_eq!(installation.mails(), ["ACCOUNT_DELETED"]);
    for text in ["zuleika", "quimby"] {
        let found = installation.rows_with(text).await;
        assert_eq!(found.len(), 1, "only the mail that is on its way knows the address: {found:?}");
        assert!(found[0].starts_with("Outbox ") && found[0].contains("ACCOUNT_DELETED"), "{found:?}");
    }
    let events = installation.rows_with("01890000-0000-7000-8000-0000000000b3").await;
    let kept: Vec<_> = events.iter().filter(|row| row.starts_with("Event ")).collect();
    assert!(kept.len() == 1 && kept[0].contains("A picnic"), "{events:?}");
    assert_eq!(installation.audit("acme-corp")[0], ("USER_DELETED".into(), json!({})));
    let history = installation.run("event history 01890000-0000-7000-8000-000000000002 --json").json();
    let last = history.last().unwrap();
    assert_eq!(
        (&last["action"], &last["actor"]),
        (&"DELETE".into(), &"01890000-0000-7000-8000-0000000000b3".into())
    );
    let again = installation.run("user delete zuleika@quimby.example").failure(1);
    assert!(again.contains("there is no user zuleika@quimby.example"), "{again}");
}

#[tokio::test]
async fn the_last_member_takes_the_organization_along_if_the_operator_insists() {
    let installation = Installation::create_with_demo_data().await;
    let output = installation.run("user delete user@techinnovators.com").failure(1);
    assert!(output.contains("user@techinnovators.com is the last member of tech-innovators"), "{output}");
    assert!(output.contains("--force"), "{output}");
    assert_eq!(installation.run("org list --json").json().len(), 2);

    let output = installation.run("user delete user@techinnovators.com --force").success();
    assert!(output.contains("the organization tech-innovators and all of its events went along"), "{output}");
    assert_eq!(installation.run("org list --json").json().len(), 1);
    assert!(installation.rows_with("Tech Innovators").await.is_empty());
    assert!(installation.rows_with("Innovation Summit").await.is_empty());
    assert_eq!(installation.rows_with("techinnovators").await.len(), 1, "the mail that is on its way");
    assert_eq!(installation.run("audit --json").json()[0]["action"], "ORGANIZATION_DELETED");
}
