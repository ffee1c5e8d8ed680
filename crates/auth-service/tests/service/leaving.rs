//! Users leave: their accounts go, and what they wrote goes along, or stays without their names.

use eventboard_chassis::error::ErrorCode;
use eventboard_domain::Role;
use eventboard_proto::auth::{
    AuditAction, DeleteMeRequest, ExportMeReply, ExportMeRequest, LoginRequest, SessionReply, UpdateMeRequest,
};
use uuid::Uuid;

use crate::{
    members::{TestMember, World},
    support::{CallResult, PASSWORD, TestService, code, create_organization, join_organization, with_token},
};

const EMAIL: &str = "grace.hopper@example.org";

impl TestService {
    pub(crate) async fn delete_me(&self, token: &str, password: &str) -> CallResult<()> {
        let request = DeleteMeRequest { password: password.into() };
        self.client().delete_me(with_token(request, Some(token))).await?;
        Ok(())
    }

    async fn export(&self, token: &str, cursor: &str) -> CallResult<ExportMeReply> {
        let request = ExportMeRequest { cursor: cursor.into() };
        Ok(self.client().export_me(with_token(request, Some(token))).await?.into_inner())
    }

    /// Adds an event in each status to a user.
    async fn add_events(&self, user_id: Uuid) {
        let insert = r#"
            insert into "Event" (id, "organizationId", "createdById", title, description, status, "rejectionReason",
                "startDate", "endDate", "createdAt", "updatedAt")
            select gen_random_uuid(), "organizationId", id, 'An event', 'A description', status,
                case when status = 'REJECTED' then 'not this year' end,
                now(), now() + interval '1 hour', now(), now()
            from "User", unnest(enum_range(null::"EventStatus")) status where id = $1
        "#;
        sqlx::query(insert).bind(user_id).execute(&mut self.connect().await).await.unwrap();
    }

    async fn statuses(&self, owner: Uuid) -> Vec<String> {
        let statuses = r#"select status::text from "Event" where "createdById" = $1 order by status"#;
        sqlx::query_scalar(statuses).bind(owner).fetch_all(&mut self.connect().await).await.unwrap()
    }
}

/// Grace, who has signed up in the open organization of an admin.
async fn with_grace() -> (World, SessionReply, Uuid) {
    let world = World::start().await;
    world.service.execute(r#"update "Organization" set "openSignup" = true"#).await;
    let signup = join_organization(EMAIL, &world.organization.to_string());
    let grace = world.service.signup(signup).await.unwrap();
    let renamed = UpdateMeRequest {
        first_name: Some("Gracemarker".into()),
        last_name: Some("Hoppermarker".into()),
        language: None,
        time_zone: None,
        idempotency: None,
    };
    world.service.client().update_me(with_token(renamed, Some(&grace.access_token))).await.unwrap();
    let id = grace.user.as_ref().unwrap().id.parse().unwrap();
    world
        .service
        .execute(r#"update "User" set "emailVerifiedAt" = coalesce("emailVerifiedAt", now())"#)
        .await;
    (world, grace, id)
}

/// Leaves a trace of Grace wherever there can be one.
async fn leave_traces(world: &World, grace: &SessionReply, id: Uuid) {
    let World { service, admin, .. } = world;
    let _ = service.login(EMAIL, "wrong Password1").await;
    service.login(EMAIL, PASSWORD).await.unwrap();
    service.change_email(&grace.access_token, "grace.hopper.new@example.org", PASSWORD).await.unwrap();
    service
        .client()
        .forget_password(with_token(
            eventboard_proto::auth::ForgetPasswordRequest { email: EMAIL.to_uppercase() },
            None,
        ))
        .await
        .unwrap();
    service.set_role(admin, id, Role::Admin).await.unwrap();
    let promoted = TestMember {
        id,
        identity: eventboard_domain::Identity { user_id: id, role: Role::Admin, ..admin.identity.clone() },
    };
    service.invite(&promoted, "friend@example.org", Role::User).await.unwrap();
    service.set_role(admin, id, Role::User).await.unwrap();
    service.export(&service.login(EMAIL, PASSWORD).await.unwrap().access_token, "").await.unwrap();
}

#[tokio::test]
async fn after_a_deletion_no_table_has_the_name_or_the_address_but_the_mail_that_says_so() {
    for by_admin in [false, true] {
        let (world, grace, id) = with_grace().await;
        leave_traces(&world, &grace, id).await;
        let World { service, admin, .. } = &world;
        for trace in ["gracemarker", "hoppermarker", EMAIL, "grace.hopper.new@"] {
            assert!(
                !service.database.rows_with(trace).await.is_empty(),
                "{trace}: the search finds something"
            );
        }
        if by_admin {
            service.remove_member(admin, id).await.unwrap();
        } else {
            let token = service.login(EMAIL, PASSWORD).await.unwrap().access_token;
            service.delete_me(&token, PASSWORD).await.unwrap();
        }
        let mails = r#"select kind from "Outbox" where "toEmail" is not null"#;
        assert_eq!(service.texts(mails).await, ["ACCOUNT_DELETED"]);
        // notification-service does this when it has sent the mail.
        service.execute(r#"update "Outbox" set state = 'DONE', "finishedAt" = now(), "toEmail" = null where kind = 'ACCOUNT_DELETED'"#).await;
        for trace in ["gracemarker", "hoppermarker", EMAIL, "grace.hopper.new@", "friend@"] {
            assert_eq!(
                service.database.rows_with(trace).await,
                Vec::<String>::new(),
                "{trace}, by admin: {by_admin}"
            );
        }
        let counters =
            r#"select (select count(*) from "AccountThrottle") + (select count(*) from "AddressThrottle")"#;
        assert_eq!(service.count(counters).await, 0, "counters of wrong passwords");
        let recorded = r#"select action || ' ' || "targetId" from "AuditEntry" where "organizationId" is not null order by id desc limit 1"#;
        assert_eq!(service.texts(recorded).await, [format!("USER_DELETED {id}")]);
    }
}

#[tokio::test]
async fn events_that_everybody_has_seen_stay_and_the_others_go_and_the_history_keeps_all() {
    let (world, grace, id) = with_grace().await;
    let World { service, user, .. } = &world;
    service.add_events(id).await;
    service.add_events(user.id).await;
    service.delete_me(&grace.access_token, PASSWORD).await.unwrap();
    assert_eq!(service.statuses(id).await, ["APPROVED"]);
    assert_eq!(service.statuses(user.id).await.len(), 4, "those of others stay");
    let history = r#"select action || ' ' || "fromStatus" || ' ' || "actorId" from "EventHistory" order by "fromStatus""#;
    let expected = ["DRAFT", "SUBMITTED", "REJECTED"].map(|status| format!("DELETE {status} {id}"));
    assert_eq!(service.texts(history).await, expected);
}

#[tokio::test]
async fn nobody_can_be_the_owner_of_an_event_who_is_not_a_member() {
    let World { service, user, stranger, .. } = World::start().await;
    service.add_events(user.id).await;
    for owner in [Uuid::nil(), stranger.id] {
        let update = sqlx::query(r#"update "Event" set "createdById" = $1"#).bind(owner);
        let refused = update.execute(&mut service.connect().await).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().constraint(), Some("event_owner_fkey"));
    }
}

#[tokio::test]
async fn the_address_of_a_deleted_account_is_free_again() {
    let (world, grace, _) = with_grace().await;
    let World { service, organization, .. } = &world;
    service.delete_me(&grace.access_token, PASSWORD).await.unwrap();
    assert_eq!(code(service.login(EMAIL, PASSWORD).await), ErrorCode::Unauthenticated);
    assert_eq!(code(service.refresh(&grace.refresh_token).await), ErrorCode::Unauthenticated);
    assert_eq!(code(service.me(Some(&grace.access_token)).await), ErrorCode::Unauthenticated);
    service.signup(join_organization(EMAIL, &organization.to_string())).await.unwrap();
}

#[tokio::test]
async fn a_stranger_gets_few_mails_however_often_somebody_signs_up_with_their_address() {
    let service = TestService::start().await;
    let mut mails = Vec::new();
    for number in 0..5 {
        let signup = create_organization(EMAIL, &format!("Organization {number}"));
        let session = service.signup(signup).await.unwrap();
        mails.push(service.count(r#"select count(*) from "Outbox""#).await);
        service.delete_me(&session.access_token, PASSWORD).await.unwrap();
        mails.push(service.count(r#"select count(*) from "Outbox""#).await);
    }
    assert_eq!(mails, [1, 0, 1, 0, 1, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn an_account_is_deleted_with_its_password_only_and_wrong_ones_count() {
    let (world, grace, _) = with_grace().await;
    let World { service, .. } = &world;
    for _ in 0..10 {
        let refused = service.delete_me(&grace.access_token, "Wrong-password-1").await.expect_err("wrong");
        assert_eq!(refused.violations().to_string(), "password is wrong");
    }
    assert_eq!(code(service.delete_me(&grace.access_token, PASSWORD).await), ErrorCode::Throttled);
}

#[tokio::test]
async fn the_last_admin_leaves_only_as_the_last_member_and_takes_the_organization_along() {
    let service = TestService::start().await;
    let ada = service.signup(create_organization("ada@example.org", "Engines")).await.unwrap();
    let organization: Uuid = ada.user.as_ref().unwrap().organization_id.parse().unwrap();
    let guest = service.add_member(organization, ("Guest", "Member"), Role::Moderator).await;
    service.add_events(guest.id).await;
    service.add_events(ada.user.as_ref().unwrap().id.parse().unwrap()).await;
    assert_eq!(code(service.delete_me(&ada.access_token, PASSWORD).await), ErrorCode::LastAdmin);

    let admin_id = ada.user.as_ref().unwrap().id.parse().unwrap();
    let admin = TestMember {
        id: admin_id,
        identity: eventboard_domain::Identity {
            user_id: admin_id,
            role: Role::Admin,
            ..guest.identity.clone()
        },
    };
    service.remove_member(&admin, guest.id).await.unwrap();
    assert_eq!(service.statuses(guest.id).await, ["APPROVED"]);
    service.invite(&admin, "friend@example.org", Role::User).await.unwrap();
    service.delete_me(&ada.access_token, PASSWORD).await.unwrap();
    for rows in [
        r#"select count(*) from "Organization""#,
        r#"select count(*) from "User""#,
        r#"select count(*) from "Event""#,
        r#"select count(*) from "Invitation""#,
        r#"select count(*) from "IdempotencyKey""#,
    ] {
        assert_eq!(service.count(rows).await, 0, "{rows}");
    }
    assert_eq!(service.count(r#"select count(*) from "EventHistory" where action = 'DELETE'"#).await, 8);
    let recorded =
        r#"select action from "AuditEntry" where "organizationId" is not null order by id desc limit 2"#;
    assert_eq!(service.texts(recorded).await, ["ORGANIZATION_DELETED", "USER_DELETED"]);
    service.signup(create_organization("ada@example.org", "Engines")).await.expect("both are free again");
}

#[tokio::test]
async fn a_copy_has_the_account_and_what_the_audit_says_about_the_user_but_not_where_others_came_from() {
    let (world, grace, id) = with_grace().await;
    let World { service, admin, .. } = &world;
    let _ = service
        .client()
        .login(LoginRequest { email: EMAIL.into(), password: "Wrong-password-1".into(), browser: false })
        .await;
    service.login_at("2001:db8::7", EMAIL, PASSWORD).await.unwrap();
    service.set_role(admin, id, Role::Moderator).await.unwrap();
    service.set_role(admin, id, Role::User).await.unwrap();
    let token = grace.access_token.as_str();
    let page = service.export(token, "").await.unwrap();
    let account = page.account.unwrap();
    assert_eq!(account.user.unwrap().email, EMAIL);
    let current: Vec<_> = account.sessions.iter().map(|session| session.current).collect();
    assert_eq!(current, [false, true], "the session of the token is the older one");
    assert_eq!(account.known_addresses, ["127.0.0.1/32", "2001:db8::/64"]);
    assert_eq!(account.organization.unwrap().name, "Acme");
    let actions: Vec<_> = page.audit.iter().map(|entry| entry.action()).collect();
    let expected = [
        AuditAction::DataExported,
        AuditAction::RoleChanged,
        AuditAction::RoleChanged,
        AuditAction::LoginSucceeded,
        AuditAction::LoginFailed,
        AuditAction::SignedUp,
    ];
    assert_eq!(actions, expected);
    for entry in &page.audit {
        let by_others = entry.action() == AuditAction::RoleChanged;
        assert_eq!(entry.address.is_none(), by_others, "{:?}", entry.action());
        assert_eq!(entry.actor_id == Some(admin.id.to_string()), by_others);
    }
    assert_eq!(page.next_cursor, None);
}

#[tokio::test]
async fn a_copy_is_read_page_by_page_and_recorded_once() {
    let (world, grace, id) = with_grace().await;
    let World { service, organization, stranger, .. } = &world;
    let insert = r#"
        insert into "AuditEntry" ("organizationId", "actorId", action, "targetType", "targetId", details, at)
        select $1, case when number % 3 > 0 then $2 end, 'LOGIN_SUCCEEDED', 'USER', case when number % 3 < 2 then $2 else $3 end, '{}',
            now() - interval '1 day' - make_interval(secs => number / 2)
        from generate_series(1, 250) number
    "#;
    let insert = sqlx::query(insert).bind(organization).bind(id).bind(stranger.id);
    insert.execute(&mut service.connect().await).await.unwrap();
    let (mut entries, mut cursor) = (0, String::new());
    loop {
        let page = service.export(&grace.access_token, &cursor).await.unwrap();
        assert_eq!(page.account.is_some(), cursor.is_empty());
        entries += page.audit.len();
        match page.next_cursor {
            Some(next) => cursor = next,
            None => break,
        }
    }
    assert_eq!(entries, 252);
    assert_eq!(service.count(r#"select count(*) from "AuditEntry" where action = 'DATA_EXPORTED'"#).await, 1);
}
