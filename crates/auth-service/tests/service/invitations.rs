//! Invitations: making them, and signing up with them.

use eventboard_chassis::{error::ErrorCode, link_token::LinkSigner};
use eventboard_domain::Role;
use eventboard_proto::{
    auth::{
        CreateInvitationRequest, Invitation, ListInvitationsRequest, LookUpInvitationReply,
        LookUpInvitationRequest, Role as RoleMessage, SessionReply, SignupRequest, WithdrawInvitationRequest,
        signup_request::Organization,
    },
    writes::Idempotency,
};
use uuid::Uuid;

use crate::{
    members::{TestMember, World},
    support::{CallResult, PASSWORD, TestService, code, create_organization, with_token},
};

const EMAIL: &str = "grace@example.org";

impl TestService {
    pub(crate) async fn invite(
        &self,
        caller: &TestMember,
        email: &str,
        role: Role,
    ) -> CallResult<Invitation> {
        let role = RoleMessage::from(role).into();
        let request = CreateInvitationRequest { email: email.into(), role, idempotency: None };
        let request = with_token(request, Some(&self.token_of(caller)));
        Ok(self.client().create_invitation(request).await?.into_inner().invitation.unwrap())
    }

    pub(crate) async fn withdraw(&self, caller: &TestMember, id: &str) -> CallResult<()> {
        let request = WithdrawInvitationRequest { id: id.into(), idempotency: None };
        self.client().withdraw_invitation(with_token(request, Some(&self.token_of(caller)))).await?;
        Ok(())
    }

    async fn invitations(&self, caller: &TestMember) -> CallResult<Vec<Invitation>> {
        let request = ListInvitationsRequest { limit: 100, cursor: String::new() };
        let request = with_token(request, Some(&self.token_of(caller)));
        Ok(self.client().list_invitations(request).await?.into_inner().invitations)
    }

    async fn look_up(&self, token: &str) -> CallResult<LookUpInvitationReply> {
        let request = LookUpInvitationRequest { invitation_token: token.into() };
        Ok(self.client().look_up_invitation(request).await?.into_inner())
    }

    /// The token in the mail of an invitation.
    pub(crate) async fn invitation_token(&self, id: &str) -> String {
        let id: Uuid = id.parse().unwrap();
        let seed = sqlx::query_scalar(r#"select seed from "Invitation" where id = $1"#).bind(id);
        let seed: Vec<u8> = seed.fetch_one(&mut self.connect().await).await.unwrap();
        LinkSigner::new(&self.token).sign(id, &seed.try_into().unwrap()).unwrap()
    }

    pub(crate) async fn join(&self, token: &str, email: &str) -> CallResult<SessionReply> {
        self.signup(joining(token, email)).await
    }
}

fn joining(token: &str, email: &str) -> SignupRequest {
    SignupRequest {
        email: email.into(),
        password: PASSWORD.into(),
        first_name: "Grace".into(),
        last_name: "Hopper".into(),
        organization: Some(Organization::InvitationToken(token.into())),
        browser: false,
    }
}

#[tokio::test]
async fn an_invited_person_joins_with_the_role_of_the_invitation_and_a_verified_address() {
    let World { service, admin, organization, .. } = World::start().await;
    let invitation = service.invite(&admin, EMAIL, Role::Moderator).await.unwrap();
    assert_eq!((invitation.email.as_str(), invitation.role()), (EMAIL, RoleMessage::Moderator));
    let token = service.invitation_token(&invitation.id).await;

    let content = service.look_up(&token).await.unwrap();
    assert_eq!((content.email.as_str(), content.role()), (EMAIL, RoleMessage::Moderator));
    assert_eq!(content.organization.unwrap().name, "Acme");

    let user = service.join(&token, "").await.unwrap().user.unwrap();
    assert_eq!((user.email.as_str(), user.role()), (EMAIL, RoleMessage::Moderator));
    assert_eq!(user.organization_id, organization.to_string());
    assert!(user.email_verified_at.is_some());
    let actions = r#"select action || ' ' || "targetType" from "AuditEntry" where "organizationId" is not null order by id"#;
    let expected = ["INVITATION_CREATED INVITATION", "SIGNED_UP USER", "INVITATION_USED INVITATION"];
    assert_eq!(service.texts(actions).await, expected);
    let mails = r#"select kind from "Outbox" where "linkId" is null or kind = 'INVITATION' order by id"#;
    assert_eq!(service.texts(mails).await, ["INVITATION", "WELCOME"], "the welcome has no link");
}

#[tokio::test]
async fn an_invitation_works_once() {
    let World { service, admin, .. } = World::start().await;
    let invitation = service.invite(&admin, EMAIL, Role::User).await.unwrap();
    let token = service.invitation_token(&invitation.id).await;
    service.join(&token, EMAIL).await.unwrap();
    assert_eq!(code(service.join(&token, EMAIL).await), ErrorCode::InvalidInput);
    assert_eq!(code(service.look_up(&token).await), ErrorCode::InvalidInput);
    assert!(service.invitations(&admin).await.unwrap().is_empty());
    let kept = r#"select count(*) from "Invitation" where email is not null"#;
    assert_eq!(service.count(kept).await, 0, "the address is not kept");
}

#[tokio::test]
async fn an_unusable_token_is_one_error_at_the_field_of_the_token() {
    let World { service, admin, .. } = World::start().await;
    let withdrawn = service.invite(&admin, "a@example.org", Role::User).await.unwrap();
    let withdrawn_token = service.invitation_token(&withdrawn.id).await;
    service.withdraw(&admin, &withdrawn.id).await.unwrap();
    let expired = service.invite(&admin, "b@example.org", Role::User).await.unwrap();
    let expired_token = service.invitation_token(&expired.id).await;
    service.execute(r#"update "Invitation" set "expiresAt" = now()"#).await;
    let forged = service.invite(&admin, "c@example.org", Role::User).await.unwrap();
    let forged_token = LinkSigner::new(&service.token).sign(forged.id.parse().unwrap(), &[0; 32]).unwrap();
    for token in [&withdrawn_token, &expired_token, &forged_token, "x", ""] {
        for refused in [service.join(token, "").await.map(drop), service.look_up(token).await.map(drop)] {
            let refused = refused.expect_err("a refusal");
            let violations = refused.violations().to_string();
            assert_eq!(violations, "token is unknown, was used already, or has expired", "{token}");
        }
    }
    assert_eq!(code(service.withdraw(&admin, &withdrawn.id).await), ErrorCode::NotFound);
}

#[tokio::test]
async fn the_address_of_a_signup_is_the_one_that_was_invited() {
    let World { service, admin, .. } = World::start().await;
    let invitation = service.invite(&admin, EMAIL, Role::User).await.unwrap();
    let token = service.invitation_token(&invitation.id).await;
    let refused = service.join(&token, "somebody.else@example.org").await.expect_err("another address");
    assert_eq!(refused.violations().to_string(), "email must be the address that was invited");
    let user = service.join(&token, "GRACE@example.org").await.unwrap().user.unwrap();
    assert_eq!(user.email, EMAIL);
}

#[tokio::test]
async fn an_invitation_does_not_tell_whether_the_address_has_an_account() {
    let World { service, admin, .. } = World::start().await;
    service.signup(create_organization(EMAIL, "Compilers")).await.unwrap();
    let [known, unknown] = [EMAIL, "nobody@example.org"];
    let [mut known_answer, mut unknown_answer] =
        [service.invite(&admin, known, Role::User).await, service.invite(&admin, unknown, Role::User).await]
            .map(Result::unwrap);
    let token = service.invitation_token(&known_answer.id).await;
    for (answer, email) in [(&mut known_answer, known), (&mut unknown_answer, unknown)] {
        assert_eq!(answer.email, email);
        for what_differs in [&mut answer.id, &mut answer.email] {
            what_differs.clear();
        }
        (answer.created_at, answer.expires_at) = (None, None);
    }
    assert_eq!(known_answer, unknown_answer);
    assert_eq!(code(service.join(&token, "").await), ErrorCode::AlreadyExists, "at signup");
}

#[tokio::test]
async fn inviting_an_address_again_renews_the_invitation_whose_link_keeps_working() {
    let World { service, admin, .. } = World::start().await;
    let first = service.invite(&admin, EMAIL, Role::User).await.unwrap();
    let token = service.invitation_token(&first.id).await;
    let second = service.invite(&admin, "GRACE@example.org", Role::Moderator).await.unwrap();
    assert_eq!((&first.id, second.role()), (&second.id, RoleMessage::Moderator));
    let open: Vec<_> = service.invitations(&admin).await.unwrap().into_iter().map(|open| open.id).collect();
    assert_eq!(open, [second.id]);
    assert_eq!(service.count(r#"select count(*) from "Outbox" where kind = 'INVITATION'"#).await, 2);
    assert_eq!(service.join(&token, "").await.unwrap().user.unwrap().role(), RoleMessage::Moderator);
}

#[tokio::test]
async fn only_admins_make_and_see_invitations_of_their_organization() {
    let World { service, admin, moderator, user, stranger, .. } = World::start().await;
    let invitation = service.invite(&admin, EMAIL, Role::User).await.unwrap();
    for caller in [&moderator, &user] {
        assert_eq!(code(service.invite(caller, EMAIL, Role::User).await), ErrorCode::Forbidden);
        assert_eq!(code(service.invitations(caller).await), ErrorCode::Forbidden);
        assert_eq!(code(service.withdraw(caller, &invitation.id).await), ErrorCode::Forbidden);
    }
    assert!(service.invitations(&stranger).await.unwrap().is_empty());
    assert_eq!(code(service.withdraw(&stranger, &invitation.id).await), ErrorCode::NotFound);
}

#[tokio::test]
async fn an_organization_makes_fifty_invitations_a_day_and_has_a_hundred_open() {
    let World { service, admin, stranger, organization, .. } = World::start().await;
    let invite =
        async |number: usize| service.invite(&admin, &format!("new{number}@example.org"), Role::User).await;
    for number in 0..50 {
        invite(number).await.unwrap();
    }
    let refused = invite(50).await.expect_err("the limit of a day");
    assert_eq!(refused.code(), ErrorCode::QuotaExceeded);
    assert!(refused.message().contains("invitations in a day (50)"), "{}", refused.message());
    service.invite(&stranger, EMAIL, Role::User).await.expect("another organization");
    // Another admin has the same limit, even if the first one has gone.
    let other = service.add_member(organization, ("Eve", "Admin"), Role::Admin).await;
    service.remove_member(&other, admin.id).await.unwrap();
    let admin = other;
    let refused = service.invite(&admin, EMAIL, Role::User).await;
    assert_eq!(code(refused), ErrorCode::QuotaExceeded);
    let invite =
        async |number: usize| service.invite(&admin, &format!("new{number}@example.org"), Role::User).await;

    let yesterday = r#"update "Invitation" set "createdAt" = "createdAt" - interval '1 day'"#;
    service.execute(yesterday).await;
    for number in 50..100 {
        invite(number).await.unwrap();
    }
    service.execute(yesterday).await;
    for number in 100..150 {
        invite(number).await.unwrap();
    }
    let refused = invite(150).await.expect_err("the limit of open ones");
    assert!(refused.message().contains("open invitations (100)"), "{}", refused.message());
}

#[tokio::test]
async fn invitations_are_listed_page_by_page_the_newest_first() {
    let World { service, admin, .. } = World::start().await;
    for number in 0..5 {
        service.invite(&admin, &format!("new{number}@example.org"), Role::User).await.unwrap();
    }
    let (mut emails, mut cursor) = (Vec::new(), String::new());
    loop {
        let request = ListInvitationsRequest { limit: 2, cursor };
        let request = with_token(request, Some(&service.token_of(&admin)));
        let page = service.client().list_invitations(request).await.unwrap().into_inner();
        emails.extend(page.invitations.into_iter().map(|invitation| invitation.email));
        match page.next_cursor {
            Some(next) => cursor = next,
            None => break,
        }
    }
    assert_eq!(emails, ["new4", "new3", "new2", "new1", "new0"].map(|name| format!("{name}@example.org")));
}

#[tokio::test]
async fn a_repeated_invitation_gets_the_first_answer_even_if_it_was_used() {
    let World { service, admin, .. } = World::start().await;
    let request = || CreateInvitationRequest {
        email: EMAIL.into(),
        role: RoleMessage::User.into(),
        idempotency: Some(Idempotency {
            key: "once".into(),
            request_id: Uuid::now_v7().to_string(),
            generated: false,
        }),
    };
    let create = async || {
        let request = with_token(request(), Some(&service.token_of(&admin)));
        service.client().create_invitation(request).await.unwrap().into_inner()
    };
    let first = create().await;
    let id = first.invitation.as_ref().unwrap().id.clone();
    service.join(&service.invitation_token(&id).await, "").await.unwrap();
    let again = create().await;
    assert_eq!((first.replayed, again.replayed), (false, true));
    assert_eq!(first.invitation, again.invitation);
}

#[tokio::test]
async fn a_full_organization_takes_no_invited_member() {
    let World { service, admin, .. } = World::start_with(&[("MAX_MEMBERS_PER_ORGANIZATION", "3")]).await;
    let invitation = service.invite(&admin, EMAIL, Role::User).await.unwrap();
    let token = service.invitation_token(&invitation.id).await;
    assert_eq!(code(service.join(&token, "").await), ErrorCode::QuotaExceeded);
    assert_eq!(service.invitations(&admin).await.unwrap().len(), 1, "the invitation still works");
}
