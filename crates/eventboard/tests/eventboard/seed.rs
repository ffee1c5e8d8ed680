//! Tests of `eventboard seed`.

use std::process::Stdio;

use crate::support::{Installation, run};

const ROW_COUNTS: &str = r#"select (select count(*) from "Organization") * 1000 + (select count(*) from "User") * 100
    + (select count(*) from "Event") * 10 + (select count(*) from "EventHistory")"#;

/// The demo data as version 0.1.0 inserted it, and an event that a demo user created.
const SEEDED_BY_0_1_0: &str = r#"
    insert into "Organization" (id, name, slug, "openSignup") values
        ('10000000-0000-0000-0000-000000000001', 'Acme Corporation', 'acme-corp', true),
        ('10000000-0000-0000-0000-000000000002', 'Tech Innovators', 'tech-innovators', true);
    insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash") values
        ('20000000-0000-0000-0000-000000000001', '10000000-0000-0000-0000-000000000001', 'admin@acme.com',
            'Alice', 'Admin', 'ADMIN', '$argon2id$x'),
        ('20000000-0000-0000-0000-000000000002', '10000000-0000-0000-0000-000000000001', 'moderator@acme.com',
            'Mona', 'Moderator', 'MODERATOR', '$argon2id$x'),
        ('20000000-0000-0000-0000-000000000003', '10000000-0000-0000-0000-000000000001', 'user@acme.com',
            'Uma', 'User', 'USER', '$argon2id$x'),
        ('20000000-0000-0000-0000-000000000004', '10000000-0000-0000-0000-000000000002', 'user@techinnovators.com',
            'Theo', 'Tech', 'USER', '$argon2id$x');
    insert into "Event" (id, "organizationId", "createdById", title, description, location, "startDate", "endDate",
        status, "createdAt", "updatedAt", version)
    select id, organization, owner, title, 'A description', 'Office', now(), now() + interval '1 hour', status, now(), now(), 1
    from (values
        ('00000000-0000-0000-0000-000000000001'::uuid, '10000000-0000-0000-0000-000000000001'::uuid,
            '20000000-0000-0000-0000-000000000001'::uuid, 'Annual Tech Conference 2026', 'APPROVED'::"EventStatus"),
        ('00000000-0000-0000-0000-000000000002', '10000000-0000-0000-0000-000000000001',
            '20000000-0000-0000-0000-000000000003', 'Team Building Workshop', 'SUBMITTED'),
        ('00000000-0000-0000-0000-000000000003', '10000000-0000-0000-0000-000000000002',
            '20000000-0000-0000-0000-000000000004', 'Innovation Summit', 'DRAFT'),
        ('01890000-0000-7000-8000-00000000beef', '10000000-0000-0000-0000-000000000001',
            '20000000-0000-0000-0000-000000000003', 'By a user', 'DRAFT')
    ) as event (id, organization, owner, title, status);
    insert into "EventHistory" ("eventId", "organizationId", "actorId", action, "toStatus")
    select id, "organizationId", "createdById", 'CREATE', 'DRAFT' from "Event""#;

/// An organization of somebody else.
const STRANGER: &str = r#"insert into "Organization" (id, name, slug) values
    ('0198c5b0-0000-7000-8000-000000000001', 'Acme Corporation', 'a-stranger');"#;

#[tokio::test]
async fn seeding_twice_creates_no_duplicates() {
    let installation = Installation::create().await;
    let first = installation.run("seed").success();
    assert!(first.contains("2 organizations, 4 users, 3 events"), "{first}");
    assert!(first.contains("Password123!") && first.contains("moderator@acme.com"), "{first}");
    let second = installation.run("seed").success();
    assert!(second.contains("already exists"), "{second}");
    assert_eq!(installation.query_number(ROW_COUNTS).await, 2436);
}

#[tokio::test]
async fn concurrent_seeding_creates_no_duplicates() {
    let installation = Installation::create().await;
    let children: Vec<_> =
        (0..3).map(|_| installation.command("seed").stdout(Stdio::null()).spawn().unwrap()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(installation.query_number(ROW_COUNTS).await, 2436);
}

#[tokio::test]
async fn the_demo_events_match_the_documentation() {
    let installation = Installation::create_with_demo_data().await;
    let matching = installation.query_number(
        r#"select count(*) from "Event" join "User" on "User".id = "createdById" where
            ("Event".id, title, status, location, "startDate", "endDate", email) in (
            ('01890000-0000-7000-8000-000000000001', 'Annual Tech Conference 2026', 'APPROVED', 'San Francisco, CA',
                '2026-06-15 09:00Z', '2026-06-17 18:00Z', 'admin@acme.com'),
            ('01890000-0000-7000-8000-000000000002', 'Team Building Workshop', 'SUBMITTED', 'Office',
                '2026-03-20 10:00Z', '2026-03-20 16:00Z', 'user@acme.com'),
            ('01890000-0000-7000-8000-000000000003', 'Innovation Summit', 'DRAFT', 'Virtual',
                '2026-04-10 14:00Z', '2026-04-10 17:00Z', 'user@techinnovators.com'))"#,
    );
    assert_eq!(matching.await, 3);
}

#[tokio::test]
async fn seeding_restores_a_deleted_demo_event_and_keeps_changes() {
    let installation = Installation::create_with_demo_data().await;
    installation.execute(r#"delete from "Event" where title = 'Innovation Summit'"#).await;
    installation.execute(r#"update "User" set "firstName" = 'Changed'"#).await;
    let output = installation.run("seed").success();
    assert!(output.contains("0 organizations, 0 users, 1 events"), "{output}");
    let changed = r#"select count(*) from "User" where "firstName" = 'Changed'"#;
    assert_eq!(installation.query_number(changed).await, 4);
}

#[tokio::test]
async fn seeding_refuses_production_unless_forced() {
    let installation = Installation::create().await;
    let seed = |arguments| run(installation.command(arguments).env("APP_ENV", "production"));
    let output = seed("seed").failure(1);
    assert!(output.contains("--force"), "{output}");
    assert_eq!(installation.query_number(r#"select count(*) from "User""#).await, 0);
    seed("seed --force").success();
    assert_eq!(installation.query_number(r#"select count(*) from "User""#).await, 4);
}

#[tokio::test]
async fn what_an_earlier_version_seeded_stays_as_it_is() {
    let installation = Installation::create().await;
    installation.execute(SEEDED_BY_0_1_0).await;
    let before = installation.query_number(ROW_COUNTS).await;
    for _ in 0..2 {
        let output = installation.run("seed").success();
        assert!(
            output.starts_with("The demo data already exists. What an earlier version added stays"),
            "{output}"
        );
        assert_eq!(installation.query_number(ROW_COUNTS).await, before);
    }
    let old_ids = r#"select count(*) from "Event" where id::text like '00000000-0000-0000-0000-%'"#;
    assert_eq!(installation.query_number(old_ids).await, 3);
}

#[tokio::test]
async fn what_is_missing_is_added_to_the_organizations_of_an_earlier_version() {
    let installation = Installation::create().await;
    installation.execute(SEEDED_BY_0_1_0).await;
    installation.execute(r#"update "Organization" set slug = 'renamed' where slug = 'acme-corp'"#).await;
    installation.execute(r#"delete from "Event" where title = 'Innovation Summit'"#).await;
    installation.execute(r#"delete from "User" where email = 'moderator@acme.com'"#).await;
    let output = installation.run("seed").success();
    assert!(output.starts_with("Demo data added: 0 organizations, 1 users, 1 events."), "{output}");
    let added = r#"select count(*) from "User" moderator, "Event" event
        where moderator.id = '01890000-0000-7000-8000-0000000000b2' and event.id = '01890000-0000-7000-8000-000000000003'
        and moderator."organizationId" = '10000000-0000-0000-0000-000000000001'
        and event."createdById" = '20000000-0000-0000-0000-000000000004'"#;
    assert_eq!(installation.query_number(added).await, 1);
}

#[tokio::test]
async fn seeding_changes_nothing_if_somebody_else_uses_a_name_or_an_id_of_the_demo_data() {
    for (statement, reason) in [
        (
            r#"update "Organization" set slug = 'acme-corp' where slug = 'a-stranger'"#,
            "the organization acme-corp was not created by the seed",
        ),
        (
            r#"update "Organization" set slug = 'tech-innovators' where slug = 'a-stranger'"#,
            "the organization tech-innovators was not created by the seed",
        ),
        (
            r#"insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
            select gen_random_uuid(), id, 'User@Acme.com', 'A', 'B', 'ADMIN', '$argon2id$x' from "Organization""#,
            "the user user@acme.com was not created by the seed",
        ),
        (
            // Version 0.1.0 added the demo users to an organization with the same slug.
            r#"insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
            select '20000000-0000-0000-0000-000000000001', id, 'admin@acme.com', 'A', 'B', 'ADMIN', '$argon2id$x'
            from "Organization""#,
            "the demo user admin@acme.com is not in the demo organization acme-corp",
        ),
        (
            r#"with owner as (
                insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
                select gen_random_uuid(), id, 'a@b.c', 'A', 'B', 'ADMIN', '$argon2id$x' from "Organization"
                returning id, "organizationId")
            insert into "Event" (id, "organizationId", "createdById", title, description, "startDate", "endDate",
                status, "createdAt", "updatedAt", version)
            select '01890000-0000-7000-8000-000000000003', "organizationId", id, 'Title', 'Description', now(),
                now() + interval '1 hour', 'DRAFT', now(), now(), 1 from owner"#,
            "the demo event 01890000-0000-7000-8000-000000000003 is not in a demo organization",
        ),
    ] {
        let installation = Installation::create().await;
        installation.execute(STRANGER).await;
        installation.execute(statement).await;
        let before = installation.query_number(ROW_COUNTS).await;
        let output = installation.run("seed").failure(1);
        assert!(output.contains(reason) && output.contains("nothing was changed"), "{output}");
        assert_eq!(installation.query_number(ROW_COUNTS).await, before, "{reason}");
    }
}

#[tokio::test]
async fn an_organization_with_the_same_name_but_another_slug_is_not_touched() {
    let installation = Installation::create().await;
    installation.execute(STRANGER).await;
    installation.run("seed").success();
    let strangers =
        r#"select count(*) from "User" where "organizationId" = '0198c5b0-0000-7000-8000-000000000001'"#;
    assert_eq!(installation.query_number(strangers).await, 0);
}
