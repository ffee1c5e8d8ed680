//! What `/auth` reads.

use eventboard_domain::rules;
use eventboard_proto::auth::{LoginRequest, SignupRequest, signup_request::Organization};

use crate::extract::{Input, uuid};

/// The names of the fields, of which exactly one is given.
const ORGANIZATION_NAME: &str = "organizationName";
const ORGANIZATION_ID: &str = "organizationId";

pub(super) fn signup(input: &mut Input) -> SignupRequest {
    SignupRequest {
        email: input.required("email", rules::email).unwrap_or_default(),
        password: input.required("password", unchanged(rules::new_password)).unwrap_or_default(),
        first_name: input.required("firstName", rules::person_name).unwrap_or_default(),
        last_name: input.required("lastName", rules::person_name).unwrap_or_default(),
        organization: organization(input),
    }
}

pub(super) fn login(input: &mut Input) -> LoginRequest {
    LoginRequest {
        email: input.required("email", rules::login_email).unwrap_or_default(),
        password: input.required("password", unchanged(rules::login_password)).unwrap_or_default(),
    }
}

fn organization(input: &mut Input) -> Option<Organization> {
    match (input.has(ORGANIZATION_NAME), input.has(ORGANIZATION_ID)) {
        (false, false) if input.has_body() => {
            input.fault(ORGANIZATION_NAME, "is required unless organizationId is given");
        }
        (true, true) => {
            input.fault(ORGANIZATION_NAME, "must not be given together with organizationId");
        }
        _ => {}
    }
    let name = input.optional(ORGANIZATION_NAME, rules::organization_name);
    let id = input.optional(ORGANIZATION_ID, uuid);
    name.map(Organization::OrganizationName).or(id.map(Organization::OrganizationId))
}

/// A rule for a text that is taken as it is.
fn unchanged(rule: impl FnOnce(&str) -> Result<(), String>) -> impl FnOnce(&str) -> Result<String, String> {
    |text| rule(text).map(|()| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::extract::testing::{body, faults};

    fn good() -> Value {
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
        let message = body(good()).read(signup).expect("no fault");
        assert_eq!((message.email.as_str(), message.password.as_str()), ("ada@example.org", " Passw0rd "));
        assert_eq!(message.organization, Some(Organization::OrganizationName("Analytical Engines".into())));
    }

    #[test]
    fn exactly_one_organization_is_given() {
        let id = "00000000-0000-0000-0000-000000000001";
        let mut both = good();
        both["organizationId"] = id.into();
        assert_eq!(
            faults(body(both.clone()), signup),
            ["organizationName must not be given together with organizationId"]
        );
        let only_id = without(both.clone(), "organizationName");
        let message = body(only_id).read(signup).expect("no fault");
        assert_eq!(message.organization, Some(Organization::OrganizationId(id.into())));
        let neither = without(good(), "organizationName");
        assert_eq!(
            faults(body(neither), signup),
            ["organizationName is required unless organizationId is given"]
        );
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let bad =
            json!({"email": "x", "password": 1, "firstName": " ", "organizationId": "x", "role": "ADMIN"});
        assert_eq!(
            faults(body(bad), signup),
            [
                "email must be a valid e-mail address",
                "password must be a string",
                "firstName is required",
                "lastName is required",
                "organizationId must be a UUID, for example 00000000-0000-0000-0000-000000000001",
                "role is not a known field",
            ]
        );
    }

    #[test]
    fn login_checks_only_presence_and_length() {
        let ok = json!({"email": "x", "password": "no rules here"});
        assert!(faults(body(ok), login).is_empty());
        assert_eq!(faults(body(json!({})), login), ["email is required", "password is required"]);
    }
}
