//! Tests of the inputs and responses of `/auth`, without a service.

use serde_json::{Value, json};

use super::*;
use crate::extract::testing::{body, violations};

fn valid_signup() -> Value {
    json!({
        "email": " ada@example.org ",
        "password": " Passw0rd ",
        "firstName": "Ada",
        "lastName": "Lovelace",
        "organizationName": "Analytical Engines",
    })
}

fn without(mut value: Value, field: &str) -> Value {
    value.as_object_mut().expect("an object").remove(field);
    value
}

#[test]
fn texts_are_trimmed_but_passwords_are_not() {
    let message = SignupRequest::from(body(valid_signup()).read::<Signup>().expect("no violation"));
    assert_eq!((message.email.as_str(), message.password.as_str()), ("ada@example.org", " Passw0rd "));
    assert_eq!(
        message.organization,
        Some(signup_request::Organization::OrganizationName("Analytical Engines".into()))
    );
}

#[test]
fn exactly_one_organization_field_is_required() {
    let id = "01890000-0000-7000-8000-000000000001";
    let mut both = valid_signup();
    both["organizationId"] = id.into();
    assert_eq!(
        violations::<Signup>(body(both.clone())),
        ["organizationName must not be given together with organizationId"]
    );
    let only_id = without(both.clone(), "organizationName");
    let message = SignupRequest::from(body(only_id).read::<Signup>().expect("no violation"));
    assert_eq!(message.organization, Some(signup_request::Organization::OrganizationId(id.into())));
    let neither = without(valid_signup(), "organizationName");
    assert_eq!(
        violations::<Signup>(body(neither)),
        ["organizationName is required unless organizationId or invitationToken is given"]
    );
    let mut all = both;
    all["invitationToken"] = "a.b".into();
    assert_eq!(
        violations::<Signup>(body(all.clone())),
        [
            "organizationName must not be given together with organizationId",
            "organizationId must not be given together with invitationToken",
        ]
    );
    let name_and_token = without(all, "organizationId");
    assert_eq!(
        violations::<Signup>(body(name_and_token)),
        ["organizationName must not be given together with invitationToken"]
    );
}

#[test]
fn an_address_is_required_without_an_invitation() {
    let without_address = without(valid_signup(), "email");
    assert_eq!(violations::<Signup>(body(without_address.clone())), ["email is required"]);
    let mut invited = without(without_address, "organizationName");
    invited["invitationToken"] = "a.b".into();
    let message = SignupRequest::from(body(invited.clone()).read::<Signup>().expect("no violation"));
    assert_eq!(message.email, "");
    assert_eq!(message.organization, Some(signup_request::Organization::InvitationToken("a.b".into())));
    invited["email"] = "ada".into();
    assert_eq!(violations::<Signup>(body(invited)), ["email must be a valid e-mail address"]);
}

#[test]
fn all_violations_are_reported_at_once() {
    let bad = json!({"email": "x", "password": 1, "firstName": " ", "organizationId": "x", "role": "ADMIN"});
    assert_eq!(
        violations::<Signup>(body(bad)),
        [
            "email must be a valid e-mail address",
            "password must be a string",
            "firstName is required",
            "lastName is required",
            "organizationId must be a UUID, for example 01890000-0000-7000-8000-000000000001",
            "role is not a known field",
        ]
    );
}

#[test]
fn login_checks_only_presence_and_length() {
    let ok = json!({"email": "x", "password": "no rules here"});
    assert!(violations::<Login>(body(ok)).is_empty());
    assert_eq!(violations::<Login>(body(json!({}))), ["email is required", "password is required"]);
}

fn user() -> proto::User {
    proto::User {
        id: "u".into(),
        email: "a@b.cd".into(),
        first_name: "Ada".into(),
        last_name: "Lovelace".into(),
        role: proto::Role::Moderator.into(),
        organization_id: "o".into(),
        created_at: Some(prost_types::Timestamp { seconds: 0, nanos: 1_000_000 }),
        email_verified_at: None,
        pending_email: Some("b@b.cd".into()),
        language: None,
        time_zone: Some("Europe/Berlin".into()),
    }
}

#[test]
fn me_contains_the_user_and_the_organization() {
    let organization = proto::Organization { id: "o".into(), name: "Acme".into(), slug: "acme".into() };
    let reply = proto::GetMeReply { user: Some(user()), organization: Some(organization) };
    assert_eq!(
        serde_json::to_value(CurrentUser::try_from(reply).expect("a complete reply")).expect("JSON"),
        json!({
            "id": "u",
            "email": "a@b.cd",
            "firstName": "Ada",
            "lastName": "Lovelace",
            "role": "MODERATOR",
            "organizationId": "o",
            "createdAt": "1970-01-01T00:00:00.001Z",
            "emailVerifiedAt": null,
            "pendingEmail": "b@b.cd",
            "language": null,
            "timeZone": "Europe/Berlin",
            "organization": {"id": "o", "name": "Acme", "slug": "acme"},
        })
    );
}

#[test]
fn an_incomplete_reply_is_an_error() {
    let reply = proto::SessionReply { user: None, access_token: "t".into(), ..Default::default() };
    assert!(Session::try_from(reply).is_err());
    let without_role = proto::User { role: 0, ..user() };
    assert!(User::try_from(without_role).is_err());
}
