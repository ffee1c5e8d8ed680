//! Converts protobuf requests into validated input. Reports all invalid fields of a request together.

use eventboard_domain::{
    AuditAction, DecisionMails, MemberChange, Membership, NewInvitation, Role, SettingsPatch, Violations,
    rules, slug,
};
use eventboard_idempotency::RequestKey;
use eventboard_proto::{
    auth::{self as proto, signup_request},
    convert::{checked_instant, preconditions},
};
use uuid::Uuid;

use crate::{
    audit::{AuditPosition, AuditQuery},
    change::{Change, ProfilePatch},
    organization::{MemberFilters, MemberPosition, MemberQuery},
    password::TypedPassword,
    session_kind::SessionKind,
    user::{EmailChange, LoginCredentials, OrganizationChoice, PasswordChange, PasswordReset, Signup},
};

impl TryFrom<proto::SignupRequest> for Signup {
    type Error = Violations;

    fn try_from(request: proto::SignupRequest) -> Result<Self, Violations> {
        let proto::SignupRequest { email, password, first_name, last_name, organization, browser } = request;
        let mut violations = Violations::default();
        let is_invited = matches!(organization, Some(signup_request::Organization::InvitationToken(_)));
        let email = if is_invited && email.is_empty() { Ok(None) } else { rules::email(&email).map(Some) };
        let email = violations.check("email", email);
        let password = violations.check("password", rules::new_password(&password));
        let first_name = violations.check("firstName", rules::person_name(&first_name));
        let last_name = violations.check("lastName", rules::person_name(&last_name));
        let organization = organization_choice(organization, &mut violations);

        let (Some(email), Some(password), Some(first_name), Some(last_name), Some(organization)) =
            (email, password, first_name, last_name, organization)
        else {
            return Err(violations);
        };
        Ok(Self {
            email,
            password: password.into(),
            first_name,
            last_name,
            organization,
            kind: session_kind(browser),
        })
    }
}

fn organization_choice(
    choice: Option<signup_request::Organization>,
    violations: &mut Violations,
) -> Option<OrganizationChoice> {
    match choice {
        Some(signup_request::Organization::OrganizationName(name)) => {
            let name = violations.check("organizationName", rules::organization_name(&name))?;
            let slug = slug(&name);
            Some(OrganizationChoice::Membership(Membership::NewOrganization { name, slug }))
        }
        Some(signup_request::Organization::OrganizationId(id)) => {
            let id = violations.check("organizationId", organization_id(&id))?;
            Some(OrganizationChoice::Membership(Membership::ExistingOrganization(id)))
        }
        Some(signup_request::Organization::InvitationToken(token)) => {
            Some(OrganizationChoice::Invitation(token))
        }
        None => {
            violations
                .add("organizationName", "is required unless organizationId or invitationToken is given");
            None
        }
    }
}

fn organization_id(raw: &str) -> Result<Uuid, String> {
    match raw.trim() {
        "" => Err(rules::REQUIRED.to_owned()),
        id => id.parse().map_err(|_| "must be a UUID".to_owned()),
    }
}

impl TryFrom<proto::LoginRequest> for LoginCredentials {
    type Error = Violations;

    fn try_from(request: proto::LoginRequest) -> Result<Self, Violations> {
        let proto::LoginRequest { email, password, browser } = request;
        let mut violations = Violations::default();
        let email = violations.check("email", rules::login_email(&email));
        let password = violations.check("password", rules::login_password(&password));
        let (Some(email), Some(password)) = (email, password) else { return Err(violations) };
        Ok(Self { email, password: TypedPassword::new(password), kind: session_kind(browser) })
    }
}

fn session_kind(browser: bool) -> SessionKind {
    if browser { SessionKind::Browser } else { SessionKind::RefreshTokens }
}

impl TryFrom<proto::ChangePasswordRequest> for PasswordChange {
    type Error = Violations;

    fn try_from(request: proto::ChangePasswordRequest) -> Result<Self, Violations> {
        let proto::ChangePasswordRequest { current_password, new_password } = request;
        let mut violations = Violations::default();
        let current = violations.check("currentPassword", rules::login_password(&current_password));
        let new = violations.check("newPassword", rules::changed_password(&current_password, &new_password));
        let (Some(current), Some(new)) = (current, new) else { return Err(violations) };
        Ok(Self { current: TypedPassword::new(current), new: new.into() })
    }
}

impl TryFrom<proto::ResetPasswordRequest> for PasswordReset {
    type Error = Violations;

    fn try_from(request: proto::ResetPasswordRequest) -> Result<Self, Violations> {
        let proto::ResetPasswordRequest { token, new_password } = request;
        let mut violations = Violations::default();
        let new = violations.check("newPassword", rules::new_password(&new_password));
        let Some(new) = new else { return Err(violations) };
        Ok(Self { token, new: new.into() })
    }
}

impl TryFrom<proto::ChangeEmailRequest> for EmailChange {
    type Error = Violations;

    fn try_from(request: proto::ChangeEmailRequest) -> Result<Self, Violations> {
        let proto::ChangeEmailRequest { new_email, password } = request;
        let mut violations = Violations::default();
        let new = violations.check("newEmail", rules::email(&new_email));
        let password = violations.check("password", rules::login_password(&password));
        let (Some(new), Some(password)) = (new, password) else { return Err(violations) };
        Ok(Self { new, password: TypedPassword::new(password) })
    }
}

pub(super) fn typed_email(request: &proto::ForgetPasswordRequest) -> Result<String, Violations> {
    let mut violations = Violations::default();
    violations.check("email", rules::login_email(&request.email)).ok_or(violations)
}

impl TryFrom<proto::ListAuditRequest> for AuditQuery {
    type Error = Violations;

    fn try_from(request: proto::ListAuditRequest) -> Result<Self, Violations> {
        let proto::ListAuditRequest { limit, cursor, actor_id, action, from, to } = request;
        let mut violations = Violations::default();
        let limit = violations.check("limit", rules::page_limit(limit));
        let after = violations.check("cursor", parse_cursor(&cursor, AuditPosition::from_cursor));
        let actor_id = violations.check("actor", optional_uuid(&actor_id));
        let action = violations.check("action", parse_action(action));
        let from = violations.check("from", checked_instant(from));
        let to = violations.check("to", checked_instant(to));
        let (Some(limit), Some(after), Some(actor_id), Some(action), Some(from), Some(to)) =
            (limit, after, actor_id, action, from, to)
        else {
            return Err(violations);
        };
        Ok(Self { limit, after, actor_id, action, from, to })
    }
}

/// Parses an action. Returns `None` when the action is unspecified.
fn parse_action(number: i32) -> Result<Option<AuditAction>, String> {
    let message = proto::AuditAction::try_from(number).map_err(|_| "is not a known action".to_owned())?;
    Ok(AuditAction::try_from(message).ok())
}

/// A change, and the key with which it is performed once.
pub(super) struct KeyedChange {
    pub(super) change: Change,
    pub(super) key: RequestKey,
}

impl TryFrom<proto::UpdateMeRequest> for KeyedChange {
    type Error = Violations;

    fn try_from(request: proto::UpdateMeRequest) -> Result<Self, Violations> {
        let proto::UpdateMeRequest { first_name, last_name, language, time_zone, idempotency } = request;
        let mut violations = Violations::default();
        let first_name = first_name.map(|name| violations.check("firstName", rules::person_name(&name)));
        let last_name = last_name.map(|name| violations.check("lastName", rules::person_name(&name)));
        let language = clearable(language, rules::language);
        let language = violations.check("language", language).flatten();
        let time_zone = clearable(time_zone, rules::time_zone);
        let time_zone = violations.check("timeZone", time_zone).flatten();
        violations.into_result()?;
        let patch = ProfilePatch {
            first_name: first_name.flatten(),
            last_name: last_name.flatten(),
            language,
            time_zone,
        };
        Ok(Self { change: Change::UpdateMe(patch), key: idempotency.try_into()? })
    }
}

/// The new value of a text, `None` within if it is cleared.
fn clearable(
    change: Option<proto::TextChange>,
    rule: fn(&str) -> Result<String, String>,
) -> Result<Option<Option<String>>, String> {
    let Some(proto::TextChange { value }) = change else { return Ok(None) };
    value.map(|text| rule(&text)).transpose().map(Some)
}

impl TryFrom<proto::UpdateOrganizationRequest> for KeyedChange {
    type Error = Violations;

    fn try_from(request: proto::UpdateOrganizationRequest) -> Result<Self, Violations> {
        let proto::UpdateOrganizationRequest {
            name,
            open_signup,
            time_zone,
            if_match,
            if_none_match,
            idempotency,
        } = request;
        let mut violations = Violations::default();
        let name = name.map(|name| violations.check("name", rules::organization_name(&name)));
        let time_zone = time_zone.map(|zone| violations.check("timeZone", rules::time_zone(&zone)));
        violations.into_result()?;
        let patch = SettingsPatch { name: name.flatten(), open_signup, time_zone: time_zone.flatten() };
        let preconditions = preconditions(if_match, if_none_match);
        let change = Change::UpdateOrganization { patch, preconditions };
        Ok(Self { change, key: idempotency.try_into()? })
    }
}

impl TryFrom<proto::UpdateMemberRequest> for KeyedChange {
    type Error = Violations;

    fn try_from(request: proto::UpdateMemberRequest) -> Result<Self, Violations> {
        let proto::UpdateMemberRequest { id, role, disabled, if_match, if_none_match, idempotency } = request;
        let mut violations = Violations::default();
        let id = violations.check("id", uuid(&id));
        let role = violations.check("role", optional_role(role));
        let (Some(id), Some(role)) = (id, role) else { return Err(violations) };
        let preconditions = preconditions(if_match, if_none_match);
        let change = Change::UpdateMember { id, change: MemberChange { role, disabled }, preconditions };
        Ok(Self { change, key: idempotency.try_into()? })
    }
}

impl TryFrom<proto::RemoveMemberRequest> for KeyedChange {
    type Error = Violations;

    fn try_from(request: proto::RemoveMemberRequest) -> Result<Self, Violations> {
        let proto::RemoveMemberRequest { id, if_match, if_none_match, idempotency } = request;
        let (id, preconditions) = (required_uuid(&id)?, preconditions(if_match, if_none_match));
        Ok(Self { change: Change::RemoveMember { id, preconditions }, key: idempotency.try_into()? })
    }
}

impl TryFrom<proto::CreateInvitationRequest> for KeyedChange {
    type Error = Violations;

    fn try_from(request: proto::CreateInvitationRequest) -> Result<Self, Violations> {
        let proto::CreateInvitationRequest { email, role, idempotency } = request;
        let mut violations = Violations::default();
        let email = violations.check("email", rules::email(&email));
        let role = optional_role(role).and_then(|role| role.ok_or_else(|| rules::REQUIRED.to_owned()));
        let role = violations.check("role", role);
        let (Some(email), Some(role)) = (email, role) else { return Err(violations) };
        let change = Change::CreateInvitation(NewInvitation { email, role });
        Ok(Self { change, key: idempotency.try_into()? })
    }
}

impl TryFrom<proto::WithdrawInvitationRequest> for KeyedChange {
    type Error = Violations;

    fn try_from(request: proto::WithdrawInvitationRequest) -> Result<Self, Violations> {
        let proto::WithdrawInvitationRequest { id, idempotency } = request;
        let id = required_uuid(&id)?;
        Ok(Self { change: Change::WithdrawInvitation { id }, key: idempotency.try_into()? })
    }
}

impl TryFrom<proto::ListMembersRequest> for MemberQuery {
    type Error = Violations;

    fn try_from(request: proto::ListMembersRequest) -> Result<Self, Violations> {
        let proto::ListMembersRequest { limit, cursor, search, role, disabled } = request;
        let mut violations = Violations::default();
        let limit = violations.check("limit", rules::page_limit(limit));
        let search = violations.check("search", rules::search(&search));
        let role = violations.check("role", optional_role(role));
        let (Some(search), Some(role)) = (search, role) else { return Err(violations) };
        let filters = MemberFilters { search, role, disabled };
        let after = violations
            .check("cursor", parse_cursor(&cursor, |cursor| MemberPosition::from_cursor(cursor, &filters)));
        let (Some(limit), Some(after)) = (limit, after) else { return Err(violations) };
        Ok(Self { limit, after, filters })
    }
}

/// Reads the limit and the last invitation of the page before.
pub(super) fn invitation_page(
    request: &proto::ListInvitationsRequest,
) -> Result<(u32, Option<Uuid>), Violations> {
    let proto::ListInvitationsRequest { limit, cursor } = request;
    let mut violations = Violations::default();
    let limit = violations.check("limit", rules::page_limit(*limit));
    let before = violations.check("cursor", parse_cursor(cursor, |cursor| cursor.parse().ok()));
    let (Some(limit), Some(before)) = (limit, before) else { return Err(violations) };
    Ok((limit, before))
}

/// Reads the last entry of the page before.
pub(super) fn export_cursor(request: &proto::ExportMeRequest) -> Result<Option<AuditPosition>, Violations> {
    let mut violations = Violations::default();
    violations.check("cursor", parse_cursor(&request.cursor, AuditPosition::from_cursor)).ok_or(violations)
}

pub(super) fn password(request: &proto::DeleteMeRequest) -> Result<TypedPassword, Violations> {
    let mut violations = Violations::default();
    let password = violations.check("password", rules::login_password(&request.password));
    password.map(TypedPassword::new).ok_or(violations)
}

/// Parses a role. Returns `None` when the role is unspecified.
fn optional_role(number: i32) -> Result<Option<Role>, String> {
    let message = proto::Role::try_from(number).map_err(|_| "is not a known role".to_owned())?;
    Ok(Role::try_from(message).ok())
}

fn uuid(text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|_| "must be a UUID".to_owned())
}

pub(super) fn required_uuid(text: &str) -> Result<Uuid, Violations> {
    let mut violations = Violations::default();
    violations.check("id", uuid(text)).ok_or(violations)
}

/// Reads the cursor of a list. `None` for the first page.
fn parse_cursor<P>(cursor: &str, read: impl FnOnce(&str) -> Option<P>) -> Result<Option<P>, String> {
    match cursor {
        "" => Ok(None),
        cursor => read(cursor).map(Some).ok_or_else(|| "is not a cursor of this list".to_owned()),
    }
}

fn optional_uuid(text: &str) -> Result<Option<Uuid>, String> {
    match text {
        "" => Ok(None),
        id => id.parse().map(Some).map_err(|_| "must be a UUID".to_owned()),
    }
}

pub(super) fn decision_mails(request: proto::SetNotificationsRequest) -> Result<DecisionMails, Violations> {
    let mut violations = Violations::default();
    let decisions = DecisionMails::try_from(request.decisions()).map_err(|_| rules::REQUIRED.to_owned());
    violations.check("decisions", decisions).ok_or(violations)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;
    use signup_request::Organization::{InvitationToken, OrganizationId, OrganizationName};

    use super::*;

    fn valid_signup() -> proto::SignupRequest {
        proto::SignupRequest {
            email: " Ada@Example.org ".into(),
            password: " Passw0rd ".into(),
            first_name: " Ada".into(),
            last_name: "Lovelace ".into(),
            organization: Some(OrganizationName(" Analytical  Engines ".into())),
            browser: false,
        }
    }

    fn violations(request: proto::SignupRequest) -> Vec<String> {
        let violations = Signup::try_from(request).err().unwrap_or_default();
        violations.iter().map(|violation| format!("{} {}", violation.field, violation.message)).collect()
    }

    #[test]
    fn texts_are_trimmed_and_passwords_are_not() {
        let new_user = Signup::try_from(valid_signup()).expect("a valid request");
        assert_eq!(new_user.email.as_deref(), Some("Ada@Example.org"));
        assert_eq!(new_user.password.expose_secret(), " Passw0rd ");
        assert_eq!((new_user.first_name.as_str(), new_user.last_name.as_str()), ("Ada", "Lovelace"));
        let (name, slug) = ("Analytical  Engines".into(), "analytical-engines".into());
        let membership = Membership::NewOrganization { name, slug };
        assert_eq!(new_user.organization, OrganizationChoice::Membership(membership));
    }

    #[test]
    fn all_violations_of_a_signup_are_collected() {
        let request = proto::SignupRequest {
            email: "ada".into(),
            password: "short".into(),
            first_name: "  ".into(),
            last_name: "x".repeat(51),
            organization: Some(OrganizationName("!".into())),
            browser: false,
        };
        assert_eq!(
            violations(request),
            [
                "email must be a valid e-mail address",
                "password must be 8 to 100 characters long",
                "firstName is required",
                "lastName must be 1 to 50 characters long",
                "organizationName must be 2 to 100 characters long",
            ]
        );
    }

    #[test]
    fn an_organization_is_given_by_name_or_by_id() {
        let with = |organization| violations(proto::SignupRequest { organization, ..valid_signup() });
        assert_eq!(
            with(None),
            ["organizationName is required unless organizationId or invitationToken is given"]
        );
        assert_eq!(with(Some(OrganizationId(" ".into()))), ["organizationId is required"]);
        assert_eq!(with(Some(OrganizationId("acme-corp".into()))), ["organizationId must be a UUID"]);
        assert!(with(Some(OrganizationId(Uuid::now_v7().to_string()))).is_empty());
    }

    #[test]
    fn only_an_invited_user_may_leave_the_address_out() {
        let signup = |email: &str, organization| {
            violations(proto::SignupRequest {
                email: email.into(),
                organization: Some(organization),
                ..valid_signup()
            })
        };
        let token = || InvitationToken("token".into());
        assert!(signup("", token()).is_empty() && signup("ada@example.org", token()).is_empty());
        assert_eq!(signup("ada", token()), ["email must be a valid e-mail address"]);
        assert_eq!(signup("", OrganizationName("Acme".into())), ["email is required"]);
    }

    #[test]
    fn a_login_is_checked_for_presence_and_length_only() {
        let read = |email: &str, password: &str| {
            LoginCredentials::try_from(proto::LoginRequest {
                email: email.into(),
                password: password.into(),
                browser: false,
            })
        };
        assert!(read("no address at all", "no rules here").is_ok());
        let violations = read(" ", &"x".repeat(101)).err().expect("two violations");
        assert_eq!(violations.to_string(), "email is required; password must be 8 to 100 characters long");
    }

    proptest! {
        #[test]
        fn any_signup_is_either_valid_or_has_violations(
            email in any::<String>(), password in any::<String>(), name in any::<String>(), id in any::<bool>(),
        ) {
            let organization = if id { OrganizationId(name.clone()) } else { OrganizationName(name.clone()) };
            let request = proto::SignupRequest {
                email, password, first_name: name.clone(), last_name: name, organization: Some(organization),
                browser: false,
            };
            prop_assert!(Signup::try_from(request).err().is_none_or(|violations| !violations.is_empty()));
        }
    }
}
