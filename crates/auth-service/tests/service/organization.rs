//! The settings of an organization, and the profile of a member.

use eventboard_chassis::error::ErrorCode;
use eventboard_proto::{
    auth::{
        GetOrganizationRequest, OrganizationReply, TextChange, UpdateMeRequest, UpdateOrganizationRequest,
        User,
    },
    writes::EntityTags,
};

use crate::{
    members::{TestMember, World},
    support::{CallResult, TestService, code, with_token},
};

impl TestService {
    async fn organization(&self, caller: &TestMember) -> OrganizationReply {
        let request = with_token(GetOrganizationRequest {}, Some(&self.token_of(caller)));
        self.client().get_organization(request).await.unwrap().into_inner()
    }

    async fn update_organization(
        &self,
        caller: &TestMember,
        request: UpdateOrganizationRequest,
    ) -> CallResult<OrganizationReply> {
        let request = with_token(request, Some(&self.token_of(caller)));
        Ok(self.client().update_organization(request).await?.into_inner())
    }

    async fn update_me(&self, caller: &TestMember, request: UpdateMeRequest) -> CallResult<User> {
        let request = with_token(request, Some(&self.token_of(caller)));
        Ok(self.client().update_me(request).await?.into_inner().user.unwrap())
    }
}

fn nothing() -> UpdateOrganizationRequest {
    UpdateOrganizationRequest {
        name: None,
        open_signup: None,
        time_zone: None,
        if_match: None,
        if_none_match: None,
        idempotency: None,
    }
}

fn unchanged() -> UpdateMeRequest {
    UpdateMeRequest { first_name: None, last_name: None, language: None, time_zone: None, idempotency: None }
}

#[tokio::test]
async fn every_member_sees_the_settings_the_limits_and_the_number_of_members() {
    let variables = [("MAX_MEMBERS_PER_ORGANIZATION", "7")];
    let World { service, user, .. } = World::start_with(&variables).await;
    let reply = service.organization(&user).await;
    assert_eq!((reply.members, reply.max_members, reply.max_events), (3, 7, 2_000_000));
    assert_eq!((reply.open_signup, reply.time_zone.as_str(), reply.version), (false, "UTC", 1));
}

#[tokio::test]
async fn an_admin_changes_settings_and_the_audit_has_the_old_and_the_new_ones() {
    let World { service, admin, .. } = World::start().await;
    let slug = service.organization(&admin).await.organization.unwrap().slug;
    let request = UpdateOrganizationRequest {
        name: Some(" Acme Labs ".into()),
        open_signup: Some(true),
        time_zone: Some("Europe/Berlin".into()),
        ..nothing()
    };
    let reply = service.update_organization(&admin, request).await.unwrap();
    let organization = reply.organization.unwrap();
    assert_eq!((organization.name.as_str(), organization.slug), ("Acme Labs", slug));
    assert_eq!((reply.open_signup, reply.time_zone.as_str(), reply.version), (true, "Europe/Berlin", 2));
    let details = r#"
        {"name": {"to": "Acme Labs", "from": "Acme"}, "timeZone": {"to": "Europe/Berlin", "from": "UTC"},
        "openSignup": {"to": true, "from": false}}"#;
    let entries =
        service.texts(r#"select details::text from "AuditEntry" where "organizationId" is not null"#).await;
    assert_eq!(entries, [details.split_whitespace().collect::<Vec<_>>().join(" ")]);
    service.update_organization(&admin, nothing()).await.unwrap();
    assert_eq!(
        service.count(r#"select count(*) from "AuditEntry" where "organizationId" is not null"#).await,
        1
    );
}

#[tokio::test]
async fn settings_are_changed_by_admins_only_and_only_in_the_version_that_they_have_seen() {
    let World { service, admin, moderator, user, .. } = World::start().await;
    let open = || UpdateOrganizationRequest { open_signup: Some(true), ..nothing() };
    for caller in [&moderator, &user] {
        assert_eq!(code(service.update_organization(caller, open()).await), ErrorCode::Forbidden);
    }
    let stale = Some(EntityTags { any: false, versions: vec![7] });
    let stale = UpdateOrganizationRequest { if_match: stale, ..open() };
    assert_eq!(code(service.update_organization(&admin, stale).await), ErrorCode::StaleVersion);
    assert!(!service.organization(&admin).await.open_signup);
}

#[tokio::test]
async fn all_invalid_settings_are_reported_together() {
    let World { service, admin, .. } = World::start().await;
    let request = UpdateOrganizationRequest {
        name: Some("!".into()),
        time_zone: Some("Mars/Olympus".into()),
        ..nothing()
    };
    let refused = service.update_organization(&admin, request).await.expect_err("two violations");
    let fields: Vec<_> = refused.violations().iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["name", "timeZone"]);
}

#[tokio::test]
async fn a_member_changes_name_language_and_time_zone_and_clears_them() {
    let World { service, user, .. } = World::start().await;
    let text = |text: &str| Some(TextChange { value: Some(text.into()) });
    let request = UpdateMeRequest {
        first_name: Some("Uma ".into()),
        last_name: Some("Müller".into()),
        language: text("de-at"),
        time_zone: text("Europe/Vienna"),
        idempotency: None,
    };
    let changed = service.update_me(&user, request).await.unwrap();
    assert_eq!((changed.first_name.as_str(), changed.last_name.as_str()), ("Uma", "Müller"));
    let choice = (changed.language.as_deref(), changed.time_zone.as_deref());
    assert_eq!(choice, (Some("de-AT"), Some("Europe/Vienna")));
    let kept = service.update_me(&user, unchanged()).await.unwrap();
    assert_eq!(kept.language.as_deref(), Some("de-AT"));
    let cleared = UpdateMeRequest { language: Some(TextChange { value: None }), ..unchanged() };
    let cleared = service.update_me(&user, cleared).await.unwrap();
    assert_eq!((cleared.language, cleared.time_zone.as_deref()), (None, Some("Europe/Vienna")));
    let invalid = UpdateMeRequest { first_name: Some(" ".into()), time_zone: text("x"), ..unchanged() };
    let refused = service.update_me(&user, invalid).await.expect_err("two violations");
    assert_eq!(refused.violations().iter().count(), 2);
    assert_eq!(
        service.count(r#"select count(*) from "AuditEntry" where "organizationId" is not null"#).await,
        0,
        "it names people by their ids"
    );
}
