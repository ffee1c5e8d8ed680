//! Tests of `eventboard seed`.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use argon2::{Argon2, PasswordHash, PasswordVerifier};

use crate::support::{Installation, eventboard, run};

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

const INDEXES: &str = r#"select string_agg(indexdef, E'\n' order by indexname) from pg_indexes
    where schemaname = 'public'"#;

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
async fn the_texts_of_the_demo_events_are_folded() {
    let installation = Installation::create_with_demo_data().await;
    let folded = installation.query_number(
        r#"select count(*) from "Event" where "foldedVersion" = version and "foldedTitle" = lower(title)
            and "searchText" = lower(title || E'\x1f' || description)"#,
    );
    assert_eq!(folded.await, 3);
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

/// Adds generated events as the owner of the schema, who may rebuild indexes.
fn generate(installation: &Installation, arguments: &str) -> Command {
    let mut command = installation.command(&format!("seed {arguments}"));
    command.env("DATABASE_URL", installation.database.url());
    command
}

async fn query_text(installation: &Installation, query: &'static str) -> String {
    sqlx::query_scalar(query).fetch_one(&mut installation.database.connect().await).await.unwrap()
}

#[tokio::test]
async fn generated_events_are_spread_over_a_large_a_small_and_equal_organizations() {
    let installation = Installation::create().await;
    let output = run(&mut generate(&installation, "--events 5000 --organizations 4")).success();
    assert!(output.contains("4 organizations, 19 users, 5000 events."), "{output}");
    for login in ["admin@generated-1.example", "user@generated-2.example", "(2500 events)", "(1000 events)"] {
        assert!(output.contains(login), "{output}");
    }
    let sizes = query_text(
        &installation,
        r#"select string_agg(slug || '=' || events, ' ' order by slug) from (
            select slug, count(*) as events from "Event" join "Organization" on "Organization".id = "organizationId"
            group by slug) sizes"#,
    );
    assert_eq!(sizes.await, "generated-1=2500 generated-2=1000 generated-3=750 generated-4=750");
    let events_of_users = query_text(
        &installation,
        r#"select string_agg(events::text, ' ') from (select count(*) as events from "Event"
            join "User" on "User".id = "createdById" where email like 'user@%' group by email) counts"#,
    );
    assert_eq!(events_of_users.await, "10 10 10 10");
}

#[tokio::test]
async fn generated_events_look_like_events_of_several_years() {
    let installation = Installation::create().await;
    run(&mut generate(&installation, "--events 3000")).success();
    for (reason, query) in [
        (
            "written in the order of their creation",
            r#"select count(*) from (select at < lag(at) over (order by id) as wrong from "EventHistory"
                where action = 'CREATE') entries where wrong"#,
        ),
        (
            "not created or changed in the future",
            r#"select count(*) from "Event" where not ("createdAt" <= "updatedAt" and "updatedAt" <= now())"#,
        ),
        (
            "only recent ones are undecided",
            r#"select count(*) from "Event" where status in ('DRAFT', 'SUBMITTED')
                and "createdAt" < now() - interval '61 days'"#,
        ),
        (
            "texts are folded",
            r#"select count(*) from "Event" where "foldedVersion" is distinct from version or "foldedTitle" is null
                or "searchText" not like "foldedTitle" || U&'\001F%'"#,
        ),
        (
            "ids are UUIDs of version 7",
            r#"select count(*) from "Event" where id::text not like '________-____-7___-____-____________'"#,
        ),
    ] {
        assert_eq!(installation.query_number(query).await, 0, "{reason}");
    }
    let statuses = query_text(
        &installation,
        r#"select string_agg(distinct status::text, ' ' order by status::text) from "Event""#,
    );
    assert_eq!(statuses.await, "APPROVED DRAFT REJECTED SUBMITTED");
    let marked = query_text(
        &installation,
        r#"select concat_ws(' ', count(*) filter (where "searchText" like '%everyday%'),
            count(*) filter (where "searchText" like '%occasional%'),
            count(*) filter (where "searchText" like '%middling%'),
            count(*) filter (where "searchText" like '%seldom%'),
            count(*) filter (where "searchText" like '%nowhere%')) from "Event""#,
    );
    assert_eq!(marked.await, "1500 30 3 1 0");
    let old = r#"select count(*) from "Event" where "createdAt" < now() - interval '2 years'"#;
    assert!(installation.query_number(old).await > 900);
    let future = r#"select count(*) from "Event" where "startDate" > now()"#;
    assert!(installation.query_number(future).await > 50);
}

#[tokio::test]
async fn the_histories_of_generated_events_lead_to_their_statuses_and_versions() {
    let installation = Installation::create().await;
    run(&mut generate(&installation, "--events 2000 --organizations 2")).success();
    let mismatched = r#"
        select count(*) from "Event" event where (
            select (
                array_agg(action order by id) = case status
                    when 'DRAFT' then array['CREATE']
                    when 'SUBMITTED' then array['CREATE', 'SUBMIT']
                    when 'APPROVED' then array['CREATE', 'SUBMIT', 'APPROVE']
                    else array['CREATE', 'SUBMIT', 'REJECT'] end
                and (array_agg("toStatus" order by id desc))[1] = status
                and (array_agg(at order by id desc))[1] = "updatedAt"
                and (array_agg(reason order by id desc))[1] is not distinct from "rejectionReason"
                and min(at) = "createdAt"
                and array_agg(at order by id) = array_agg(at order by at)
                and count(*) = version
                and bool_and("organizationId" = event."organizationId"))
            from "EventHistory" where "eventId" = event.id
        ) is not true"#;
    assert_eq!(installation.query_number(mismatched).await, 0);
    let moderated_by_others = r#"select count(*) from "EventHistory" join "User" on "User".id = "actorId"
        where (action in ('APPROVE', 'REJECT')) <> (role = 'MODERATOR')"#;
    assert_eq!(installation.query_number(moderated_by_others).await, 0);
}

#[tokio::test]
async fn generated_users_have_the_demo_password() {
    let installation = Installation::create().await;
    run(&mut generate(&installation, "--events 10")).success();
    let hash = query_text(
        &installation,
        r#"select "passwordHash" from "User" where email = 'moderator@generated-1.example' and role = 'MODERATOR'"#,
    );
    let hash = hash.await;
    let hash = PasswordHash::new(&hash).unwrap();
    Argon2::default().verify_password(b"Password123!", &hash).unwrap();
}

#[tokio::test]
async fn generating_events_rebuilds_the_same_indexes() {
    let installation = Installation::create().await;
    let before = query_text(&installation, INDEXES).await;
    let output = run(&mut generate(&installation, "--events 1500"));
    assert!(output.stderr.contains("1500 of 1500 events written"), "{output:?}");
    assert!(output.stderr.contains(": idx_events_search_trigrams\n"), "{output:?}");
    output.success();
    assert_eq!(query_text(&installation, INDEXES).await, before);
}

#[tokio::test]
async fn generating_events_keeps_the_indexes_if_there_are_events_or_the_role_may_not_change_them() {
    let installation = Installation::create_with_demo_data().await;
    let output = run(&mut generate(&installation, "--events 100"));
    assert!(output.stderr.starts_with("The indexes stay"), "{output:?}");
    output.success();
    assert_eq!(installation.query_number(r#"select count(*) from "Event""#).await, 103);

    let installation = Installation::create().await;
    let output = installation.run("seed --events 100");
    assert!(output.stderr.starts_with("The indexes stay"), "{output:?}");
    output.success();
    assert_eq!(installation.query_number(r#"select count(*) from "Event""#).await, 100);
}

#[tokio::test]
async fn events_are_generated_only_once() {
    let installation = Installation::create().await;
    run(&mut generate(&installation, "--events 20 --organizations 2")).success();
    let before = installation.query_number(ROW_COUNTS).await;
    let output = run(&mut generate(&installation, "--events 20")).failure(1);
    assert!(output.contains("generated-1 exists already, so nothing was changed"), "{output}");
    assert_eq!(installation.query_number(ROW_COUNTS).await, before);
}

#[tokio::test]
async fn generating_events_refuses_production_unless_forced() {
    let installation = Installation::create().await;
    let seed = |arguments| run(generate(&installation, arguments).env("APP_ENV", "production"));
    let output = seed("--events 10").failure(1);
    assert!(output.contains("--force"), "{output}");
    assert_eq!(installation.query_number(ROW_COUNTS).await, 0);
    seed("--events 10 --force").success();
    assert_eq!(installation.query_number(r#"select count(*) from "Event""#).await, 10);
}

#[tokio::test]
async fn an_interrupted_generation_leaves_nothing() {
    let installation = Installation::create().await;
    let before = query_text(&installation, INDEXES).await;
    let mut child = generate(&installation, "--events 1000000")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut progress = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut progress).unwrap();
    assert_eq!(progress, "50000 of 1000000 events written\n");
    child.kill().unwrap();
    child.wait().unwrap();
    // Waits until PostgreSQL has rolled the transaction back, because that has dropped the indexes.
    assert_eq!(installation.query_number(ROW_COUNTS).await, 0);
    assert_eq!(query_text(&installation, INDEXES).await, before);
}

#[tokio::test]
async fn a_generation_that_fails_leaves_nothing() {
    let installation = Installation::create().await;
    let before = query_text(&installation, INDEXES).await;
    installation
        .execute(r#"alter table "EventHistory" add constraint refused check (action <> 'SUBMIT')"#)
        .await;
    let output = run(&mut generate(&installation, "--events 100"));
    assert!(output.stderr.contains("violates check constraint \"refused\""), "{output:?}");
    assert_eq!(output.code, Some(1));
    assert_eq!(installation.query_number(ROW_COUNTS).await, 0);
    assert_eq!(query_text(&installation, INDEXES).await, before);
}

#[test]
fn the_numbers_of_events_and_organizations_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        "seed --events 0",
        "seed --events 100000001",
        "seed --organizations 2",
        "seed --events 10 --organizations 0",
        "seed --events 200000 --organizations 100001",
    ] {
        run(&mut eventboard(folder.path(), arguments)).failure(2);
    }
}

#[tokio::test]
async fn there_cannot_be_more_generated_organizations_than_events() {
    let installation = Installation::create().await;
    let output = run(&mut generate(&installation, "--events 2 --organizations 3")).failure(1);
    assert!(output.contains("at least as many events as organizations"), "{output}");
    run(&mut generate(&installation, "--events 3 --organizations 3")).success();
    assert_eq!(installation.query_number(r#"select count(distinct "organizationId") from "Event""#).await, 3);
}
