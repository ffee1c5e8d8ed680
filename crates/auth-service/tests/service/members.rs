//! The members of an organization: the list, and what an admin does with them.

use eventboard_chassis::error::ErrorCode;
use eventboard_domain::{Identity, Role, TokenSession};
use eventboard_proto::{
    auth::{
        GetMemberRequest, ListMembersReply, ListMembersRequest, Member, MemberReply, RemoveMemberRequest,
        Role as RoleMessage, UpdateMeRequest, UpdateMemberRequest,
    },
    writes::{EntityTags, Idempotency},
};
use uuid::Uuid;

use crate::support::{CallResult, TestService, code, with_token};

/// A member who was not made by a signup, because hashing passwords takes long.
#[derive(Debug, Clone)]
pub(crate) struct TestMember {
    pub(crate) id: Uuid,
    pub(crate) identity: Identity,
}

impl TestService {
    /// Adds an organization.
    pub(crate) async fn add_organization(&self) -> Uuid {
        let id = Uuid::now_v7();
        let insert = r#"insert into "Organization" (id, name, slug) values ($1, 'Acme', $1::text)"#;
        sqlx::query(insert).bind(id).execute(&mut self.connect().await).await.unwrap();
        id
    }

    /// Adds a member with a verified address.
    pub(crate) async fn add_member(
        &self,
        organization_id: Uuid,
        name: (&str, &str),
        role: Role,
    ) -> TestMember {
        let id = Uuid::now_v7();
        let insert = r#"
            insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash", "emailVerifiedAt")
            values ($1, $2, $1::text || '@example.org', $3, $4, $5::"Role", '$argon2id$', now())
        "#;
        let insert = sqlx::query(insert).bind(id).bind(organization_id).bind(name.0).bind(name.1);
        insert.bind(role.as_str()).execute(&mut self.connect().await).await.unwrap();
        let session = TokenSession::UNDATED;
        TestMember { id, identity: Identity { user_id: id, organization_id, role, session } }
    }

    pub(crate) fn token_of(&self, member: &TestMember) -> String {
        self.token_for(&member.identity)
    }

    pub(crate) async fn list_members(
        &self,
        caller: &TestMember,
        request: ListMembersRequest,
    ) -> CallResult<ListMembersReply> {
        let request = with_token(request, Some(&self.token_of(caller)));
        Ok(self.client().list_members(request).await?.into_inner())
    }

    pub(crate) async fn get_member(&self, caller: &TestMember, id: Uuid) -> CallResult<Member> {
        let request = with_token(GetMemberRequest { id: id.to_string() }, Some(&self.token_of(caller)));
        Ok(self.client().get_member(request).await?.into_inner().member.unwrap())
    }

    pub(crate) async fn update_member(
        &self,
        caller: &TestMember,
        request: UpdateMemberRequest,
    ) -> CallResult<MemberReply> {
        let request = with_token(request, Some(&self.token_of(caller)));
        Ok(self.client().update_member(request).await?.into_inner())
    }

    pub(crate) async fn set_role(
        &self,
        caller: &TestMember,
        id: Uuid,
        role: Role,
    ) -> CallResult<MemberReply> {
        self.update_member(caller, UpdateMemberRequest { role: RoleMessage::from(role).into(), ..change(id) })
            .await
    }

    pub(crate) async fn set_disabled(
        &self,
        caller: &TestMember,
        id: Uuid,
        disabled: bool,
    ) -> CallResult<MemberReply> {
        self.update_member(caller, UpdateMemberRequest { disabled: Some(disabled), ..change(id) }).await
    }

    pub(crate) async fn remove_member(&self, caller: &TestMember, id: Uuid) -> CallResult<()> {
        let request = RemoveMemberRequest {
            id: id.to_string(),
            if_match: None,
            if_none_match: None,
            idempotency: None,
        };
        self.client().remove_member(with_token(request, Some(&self.token_of(caller)))).await?;
        Ok(())
    }

    pub(crate) async fn texts(&self, query: &'static str) -> Vec<String> {
        sqlx::query_scalar(query).fetch_all(&mut self.connect().await).await.unwrap()
    }
}

pub(crate) fn change(id: Uuid) -> UpdateMemberRequest {
    UpdateMemberRequest {
        id: id.to_string(),
        role: 0,
        disabled: None,
        if_match: None,
        if_none_match: None,
        idempotency: None,
    }
}

fn all(limit: u32) -> ListMembersRequest {
    ListMembersRequest { limit, cursor: String::new(), search: String::new(), role: 0, disabled: None }
}

fn names(reply: &ListMembersReply) -> Vec<String> {
    reply.members.iter().map(|member| format!("{} {}", member.first_name, member.last_name)).collect()
}

/// An organization with an admin, a moderator and a user, and another organization with an admin.
pub(crate) struct World {
    pub(crate) service: TestService,
    pub(crate) organization: Uuid,
    pub(crate) admin: TestMember,
    pub(crate) moderator: TestMember,
    pub(crate) user: TestMember,
    pub(crate) stranger: TestMember,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(variables: &[(&str, &str)]) -> Self {
        let service = TestService::start_with(variables).await;
        let organization = service.add_organization().await;
        let other = service.add_organization().await;
        Self {
            admin: service.add_member(organization, ("Ada", "Lovelace"), Role::Admin).await,
            moderator: service.add_member(organization, ("Max", "Moderator"), Role::Moderator).await,
            user: service.add_member(organization, ("Uma", "Äbler"), Role::User).await,
            stranger: service.add_member(other, ("Sam", "Stranger"), Role::Admin).await,
            organization,
            service,
        }
    }
}

#[tokio::test]
async fn moderators_and_admins_list_the_members_of_their_organization_by_name() {
    let World { service, admin, moderator, user, stranger, organization: _ } = World::start().await;
    for caller in [&admin, &moderator] {
        let reply = service.list_members(caller, all(100)).await.unwrap();
        assert_eq!(names(&reply), ["Ada Lovelace", "Max Moderator", "Uma Äbler"]);
        assert_eq!(reply.next_cursor, None);
    }
    assert_eq!(code(service.list_members(&user, all(100)).await), ErrorCode::Forbidden);
    assert_eq!(names(&service.list_members(&stranger, all(100)).await.unwrap()), ["Sam Stranger"]);
}

#[tokio::test]
async fn a_list_of_members_is_read_page_by_page() {
    let World { service, admin, organization, .. } = World::start().await;
    for number in 0..20 {
        service.add_member(organization, ("Same", "Name"), Role::User).await;
        service.add_member(organization, (&format!("F{number:02}"), "L'x\"\\%_"), Role::User).await;
    }
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = service.list_members(&admin, ListMembersRequest { cursor, ..all(7) }).await.unwrap();
        paged.extend(page.members.iter().map(|member| member.id.clone()));
        match page.next_cursor {
            Some(next) => cursor = next,
            None => break,
        }
    }
    let whole = service.list_members(&admin, all(100)).await.unwrap();
    assert_eq!(paged, whole.members.into_iter().map(|member| member.id).collect::<Vec<_>>());
    assert_eq!(paged.len(), 43);
    let refused = service.list_members(&admin, ListMembersRequest { cursor: "x".into(), ..all(7) }).await;
    assert_eq!(code(refused), ErrorCode::InvalidInput);
}

#[tokio::test]
async fn each_word_of_a_search_begins_a_word_in_the_name_or_the_address() {
    let World { service, admin, organization, stranger: _, .. } = World::start().await;
    service.add_member(organization, ("100%", "Under_score"), Role::User).await;
    service.add_member(organization, ("Anna Lena", "Groß"), Role::User).await;
    let found = async |search: &str| {
        let request = ListMembersRequest { search: search.into(), ..all(100) };
        names(&service.list_members(&admin, request).await.unwrap())
    };
    assert_eq!(found("love").await, ["Ada Lovelace"]);
    assert_eq!(found(" ADA  love ").await, ["Ada Lovelace"]);
    assert_eq!(found("äb").await, ["Uma Äbler"]);
    assert_eq!(found("lena").await, ["Anna Lena Groß"]);
    assert_eq!(found("a").await, ["Anna Lena Groß", "Ada Lovelace"]);
    assert_eq!(found("0%").await, Vec::<String>::new(), "within a word");
    assert_eq!(found("100%").await, ["100% Under_score"]);
    assert_eq!(found("under_").await, ["100% Under_score"]);
    assert_eq!(found("underx").await, Vec::<String>::new());
    assert_eq!(found("ada stranger").await, Vec::<String>::new());
    assert_eq!(found(&admin.id.to_string()).await, ["Ada Lovelace"], "the beginning of the address");
}

#[tokio::test]
async fn members_are_filtered_by_role_and_by_whether_they_are_disabled() {
    let World { service, admin, moderator, user, .. } = World::start().await;
    service.set_disabled(&admin, user.id, true).await.unwrap();
    let found = async |role: Option<Role>, disabled| {
        let role = role.map(RoleMessage::from).unwrap_or_default().into();
        let request = ListMembersRequest { role, disabled, ..all(100) };
        let reply = service.list_members(&admin, request).await.unwrap();
        reply.members.into_iter().map(|member| member.id.parse().unwrap()).collect::<Vec<Uuid>>()
    };
    assert_eq!(found(Some(Role::Moderator), None).await, [moderator.id]);
    assert_eq!(found(None, Some(true)).await, [user.id]);
    assert_eq!(found(None, Some(false)).await, [admin.id, moderator.id]);
    assert!(found(Some(Role::Admin), Some(true)).await.is_empty());
}

#[tokio::test]
async fn a_member_is_shown_to_moderators_and_admins_of_the_organization() {
    let World { service, admin, moderator, user, stranger, .. } = World::start().await;
    for caller in [&admin, &moderator] {
        let member = service.get_member(caller, user.id).await.unwrap();
        assert_eq!((member.first_name.as_str(), member.role()), ("Uma", RoleMessage::User));
        assert!(member.email_verified_at.is_some() && !member.disabled);
    }
    assert_eq!(code(service.get_member(&user, user.id).await), ErrorCode::Forbidden);
    assert_eq!(code(service.get_member(&stranger, user.id).await), ErrorCode::NotFound);
    assert_eq!(code(service.get_member(&admin, stranger.id).await), ErrorCode::NotFound);
}

#[tokio::test]
async fn a_changed_role_is_in_the_audit_and_in_a_mail_and_outdates_the_token() {
    let World { service, admin, user, .. } = World::start().await;
    let member = service.set_role(&admin, user.id, Role::Moderator).await.unwrap().member.unwrap();
    assert_eq!(member.role(), RoleMessage::Moderator);
    assert_eq!(code(service.validate(Some(&service.token_of(&user))).await), ErrorCode::Unauthenticated);
    let mails = r#"select kind || ' ' || "recipientId" from "Outbox""#;
    assert_eq!(service.texts(mails).await, [format!("ROLE_CHANGED {}", user.id)]);
    let entries = r#"select action || ' ' || details || ' ' || "actorId" || ' ' || "targetId" from "AuditEntry" where "organizationId" is not null"#;
    let entry = format!(r#"ROLE_CHANGED {{"to": "MODERATOR", "from": "USER"}} {} {}"#, admin.id, user.id);
    assert_eq!(service.texts(entries).await, [entry]);
    service.set_role(&admin, user.id, Role::Moderator).await.unwrap();
    assert_eq!(
        service.count(r#"select count(*) from "AuditEntry" where "organizationId" is not null"#).await,
        1,
        "nothing is different"
    );
}

#[tokio::test]
async fn a_disabled_member_has_no_session_no_link_and_no_invitation_and_enabling_brings_none_back() {
    let World { service, admin, organization, .. } = World::start().await;
    let other = service.add_member(organization, ("Eve", "Admin"), Role::Admin).await;
    let token = service.token_of(&other);
    service.invite(&other, "new@example.org", Role::User).await.unwrap();
    let link = r#"
        insert into "AccountLink" (id, "userId", kind, seed, "expiresAt")
        select gen_random_uuid(), $1, 'RESET_PASSWORD', sha256(''), now() + interval '1 hour'
    "#;
    sqlx::query(link).bind(other.id).execute(&mut service.connect().await).await.unwrap();
    let session = r#"
        insert into "Session" (id, "userId", seed, "keyName", "expiresAt", address)
        select gen_random_uuid(), $1, sha256(''), '12345678', now() + interval '1 hour', '-'
    "#;
    sqlx::query(session).bind(other.id).execute(&mut service.connect().await).await.unwrap();
    let open = r#"
        select (select count(*) from "Session" where "revokedAt" is null)
            + (select count(*) from "AccountLink" where "endedAt" is null)
            + (select count(*) from "Invitation" where "endedAt" is null)
    "#;
    assert_eq!(service.count(open).await, 3);

    service.set_disabled(&admin, other.id, true).await.unwrap();
    assert_eq!(service.count(open).await, 0);
    service.set_disabled(&admin, other.id, false).await.unwrap();
    assert_eq!(service.count(open).await, 0);
    assert_eq!(code(service.validate(Some(&token)).await), ErrorCode::Unauthenticated);
    let actions = r#"select action from "AuditEntry" where "organizationId" is not null order by id"#;
    let expected =
        ["INVITATION_CREATED", "INVITATION_WITHDRAWN", "SESSION_REVOKED", "USER_DISABLED", "USER_ENABLED"];
    assert_eq!(service.texts(actions).await, expected);
    assert_eq!(
        service.texts(r#"select kind from "Outbox" order by id"#).await,
        ["INVITATION", "USER_DISABLED"]
    );
}

#[tokio::test]
async fn an_admin_who_is_demoted_cannot_come_back_with_an_invitation() {
    let World { service, admin, organization, .. } = World::start().await;
    let other = service.add_member(organization, ("Eve", "Admin"), Role::Admin).await;
    let invitation = service.invite(&other, "eve.again@example.org", Role::Admin).await.unwrap();
    let token = service.invitation_token(&invitation.id).await;
    service.set_role(&admin, other.id, Role::Moderator).await.unwrap();
    assert_eq!(code(service.join(&token, "").await), ErrorCode::InvalidInput);
}

#[tokio::test]
async fn an_admin_deletes_their_own_account_with_its_password_only() {
    let World { service, admin, organization, .. } = World::start().await;
    service.add_member(organization, ("Eve", "Admin"), Role::Admin).await;
    assert_eq!(code(service.remove_member(&admin, admin.id).await), ErrorCode::Forbidden);
    service.get_member(&admin, admin.id).await.expect("nothing was deleted");
}

#[tokio::test]
async fn an_outdated_token_is_refused_as_such_whatever_its_role() {
    let World { service, admin, user, .. } = World::start().await;
    service.set_role(&admin, user.id, Role::Admin).await.unwrap();
    assert_eq!(code(service.set_disabled(&user, admin.id, true).await), ErrorCode::Unauthenticated);
    assert_eq!(code(service.invite(&user, "a@example.org", Role::User).await), ErrorCode::Unauthenticated);
}

#[tokio::test]
async fn only_an_admin_of_the_organization_changes_members() {
    let World { service, moderator, user, stranger, admin, .. } = World::start().await;
    for (caller, refusal) in
        [(&user, ErrorCode::Forbidden), (&moderator, ErrorCode::Forbidden), (&stranger, ErrorCode::NotFound)]
    {
        assert_eq!(code(service.set_role(caller, user.id, Role::Admin).await), refusal);
        assert_eq!(code(service.set_disabled(caller, user.id, true).await), refusal);
        assert_eq!(code(service.remove_member(caller, user.id).await), refusal);
    }
    assert_eq!(code(service.set_role(&admin, Uuid::nil(), Role::Admin).await), ErrorCode::NotFound);
    assert_eq!(
        service.count(r#"select count(*) from "AuditEntry" where "organizationId" is not null"#).await,
        0
    );
}

#[tokio::test]
async fn the_last_enabled_admin_can_be_neither_demoted_nor_disabled_nor_deleted() {
    let World { service, admin, organization, user, .. } = World::start().await;
    let other = service.add_member(organization, ("Eve", "Admin"), Role::Admin).await;
    service.set_disabled(&admin, other.id, true).await.unwrap();
    assert_eq!(code(service.set_role(&admin, admin.id, Role::User).await), ErrorCode::LastAdmin);
    assert_eq!(code(service.set_disabled(&admin, admin.id, true).await), ErrorCode::LastAdmin);
    assert_eq!(code(service.remove_member(&admin, admin.id).await), ErrorCode::LastAdmin);
    service.set_role(&admin, user.id, Role::Admin).await.unwrap();
    service.set_role(&admin, admin.id, Role::User).await.unwrap();
}

#[tokio::test]
async fn a_change_is_made_only_to_the_version_that_the_admin_has_seen() {
    let World { service, admin, user, .. } = World::start().await;
    let version = service.get_member(&admin, user.id).await.unwrap().version;
    let tags = |version| Some(EntityTags { any: false, versions: vec![version] });
    let demand = |if_match| UpdateMemberRequest { if_match, disabled: Some(true), ..change(user.id) };
    let stale = service.update_member(&admin, demand(tags(version + 1))).await;
    assert_eq!(code(stale), ErrorCode::StaleVersion);
    let member = service.update_member(&admin, demand(tags(version))).await.unwrap().member.unwrap();
    assert_eq!((member.version, member.disabled), (version + 1, true));
    let renamed = UpdateMeRequest {
        first_name: Some("Ida".into()),
        last_name: None,
        language: None,
        time_zone: None,
        idempotency: None,
    };
    let before = service.get_member(&admin, admin.id).await.unwrap().version;
    service.client().update_me(with_token(renamed, Some(&service.token_of(&admin)))).await.unwrap();
    assert_eq!(service.get_member(&admin, admin.id).await.unwrap().version, before + 1);
}

#[tokio::test]
async fn a_change_with_a_key_is_performed_once() {
    let World { service, admin, user, moderator, .. } = World::start().await;
    let keyed = |key: &str, id: Uuid| UpdateMemberRequest {
        role: RoleMessage::Moderator.into(),
        idempotency: Some(Idempotency {
            key: key.into(),
            request_id: Uuid::now_v7().to_string(),
            generated: false,
        }),
        ..change(id)
    };
    let first = service.update_member(&admin, keyed("a", user.id)).await.unwrap();
    service.set_role(&admin, user.id, Role::User).await.unwrap();
    let again = service.update_member(&admin, keyed("a", user.id)).await.unwrap();
    assert_eq!((first.replayed, again.replayed), (false, true));
    assert_eq!(again.member.unwrap().role(), RoleMessage::User, "as it is now");
    let reused = service.update_member(&admin, keyed("a", moderator.id)).await;
    assert_eq!(code(reused), ErrorCode::KeyReused);
    assert_eq!(service.count(r#"select count(*) from "Outbox" where kind = 'ROLE_CHANGED'"#).await, 2);
}

#[tokio::test]
async fn an_admin_without_a_verified_address_changes_nothing_where_that_is_required() {
    let variables = [("REQUIRE_VERIFIED_EMAIL", "true")];
    let World { service, admin, user, .. } = World::start_with(&variables).await;
    service.execute(r#"update "User" set "emailVerifiedAt" = null"#).await;
    assert_eq!(code(service.set_disabled(&admin, user.id, true).await), ErrorCode::Forbidden);
    assert_eq!(code(service.remove_member(&admin, user.id).await), ErrorCode::Forbidden);
    assert_eq!(code(service.invite(&admin, "a@example.org", Role::User).await), ErrorCode::Forbidden);
    assert_eq!(service.list_members(&admin, all(10)).await.unwrap().members.len(), 3, "reading is allowed");
}
