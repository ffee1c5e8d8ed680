//! Converts protobuf requests into validated input. Reports all invalid fields of a request together.

use eventboard_domain::{AuditAction, DecisionMails, Membership, Violations, rules, slug};
use eventboard_proto::{
    auth::{self as proto, signup_request},
    convert::checked_instant,
};
use uuid::Uuid;

use crate::{
    audit::{AuditPosition, AuditQuery},
    password::TypedPassword,
    user::{EmailChange, LoginCredentials, NewUser, PasswordChange, PasswordReset},
};

impl TryFrom<proto::SignupRequest> for NewUser {
    type Error = Violations;

    fn try_from(request: proto::SignupRequest) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        let email = violations.check("email", rules::email(&request.email));
        let password = violations.check("password", rules::new_password(&request.password));
        let first_name = violations.check("firstName", rules::person_name(&request.first_name));
        let last_name = violations.check("lastName", rules::person_name(&request.last_name));
        let membership = membership(request.organization, &mut violations);

        let (Some(email), Some(password), Some(first_name), Some(last_name), Some(membership)) =
            (email, password, first_name, last_name, membership)
        else {
            return Err(violations);
        };
        Ok(Self { email, password: password.into(), first_name, last_name, membership })
    }
}

fn membership(
    choice: Option<signup_request::Organization>,
    violations: &mut Violations,
) -> Option<Membership> {
    match choice {
        Some(signup_request::Organization::OrganizationName(name)) => {
            let name = violations.check("organizationName", rules::organization_name(&name))?;
            Some(Membership::NewOrganization { slug: slug(&name), name })
        }
        Some(signup_request::Organization::OrganizationId(id)) => {
            violations.check("organizationId", organization_id(&id)).map(Membership::ExistingOrganization)
        }
        None => {
            violations.add("organizationName", "is required unless organizationId is given");
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
        let mut violations = Violations::default();
        let email = violations.check("email", rules::login_email(&request.email));
        let password = violations.check("password", rules::login_password(&request.password));
        let (Some(email), Some(password)) = (email, password) else { return Err(violations) };
        Ok(Self { email, password: TypedPassword::new(password) })
    }
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
        let after = violations.check("cursor", parse_cursor(&cursor));
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

fn parse_cursor(cursor: &str) -> Result<Option<AuditPosition>, String> {
    match cursor {
        "" => Ok(None),
        cursor => match AuditPosition::from_cursor(cursor) {
            Some(position) => Ok(Some(position)),
            None => Err("is not a cursor of this list".to_owned()),
        },
    }
}

fn optional_uuid(text: &str) -> Result<Option<Uuid>, String> {
    match text {
        "" => Ok(None),
        id => id.parse().map(Some).map_err(|_| "must be a UUID".to_owned()),
    }
}

pub(super) fn session_id(request: &proto::RevokeSessionRequest) -> Result<Uuid, Violations> {
    let mut violations = Violations::default();
    let id = request.id.parse().map_err(|_| "must be a UUID".to_owned());
    violations.check("id", id).ok_or(violations)
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
    use signup_request::Organization::{OrganizationId, OrganizationName};

    use super::*;

    fn valid_signup() -> proto::SignupRequest {
        proto::SignupRequest {
            email: " Ada@Example.org ".into(),
            password: " Passw0rd ".into(),
            first_name: " Ada".into(),
            last_name: "Lovelace ".into(),
            organization: Some(OrganizationName(" Analytical  Engines ".into())),
        }
    }

    fn violations(request: proto::SignupRequest) -> Vec<String> {
        let violations = NewUser::try_from(request).err().unwrap_or_default();
        violations.iter().map(|violation| format!("{} {}", violation.field, violation.message)).collect()
    }

    #[test]
    fn texts_are_trimmed_and_passwords_are_not() {
        let new_user = NewUser::try_from(valid_signup()).expect("a valid request");
        assert_eq!(new_user.email, "Ada@Example.org");
        assert_eq!(new_user.password.expose_secret(), " Passw0rd ");
        assert_eq!((new_user.first_name.as_str(), new_user.last_name.as_str()), ("Ada", "Lovelace"));
        let (name, slug) = ("Analytical  Engines".into(), "analytical-engines".into());
        assert_eq!(new_user.membership, Membership::NewOrganization { name, slug });
    }

    #[test]
    fn all_violations_of_a_signup_are_collected() {
        let request = proto::SignupRequest {
            email: "ada".into(),
            password: "short".into(),
            first_name: "  ".into(),
            last_name: "x".repeat(51),
            organization: Some(OrganizationName("!".into())),
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
        assert_eq!(with(None), ["organizationName is required unless organizationId is given"]);
        assert_eq!(with(Some(OrganizationId(" ".into()))), ["organizationId is required"]);
        assert_eq!(with(Some(OrganizationId("acme-corp".into()))), ["organizationId must be a UUID"]);
        assert!(with(Some(OrganizationId(Uuid::now_v7().to_string()))).is_empty());
    }

    #[test]
    fn a_login_is_checked_for_presence_and_length_only() {
        let read = |email: &str, password: &str| {
            LoginCredentials::try_from(proto::LoginRequest { email: email.into(), password: password.into() })
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
            };
            prop_assert!(NewUser::try_from(request).err().is_none_or(|violations| !violations.is_empty()));
        }
    }
}
