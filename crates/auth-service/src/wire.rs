//! Between protobuf messages and what the service works on. Reading a message checks it, and finds
//! every fault at once.

use eventboard_domain::{Faults, Membership, rules, slug};
use eventboard_proto::{
    auth::{self as proto, signup_request},
    convert::timestamp,
};
use uuid::Uuid;

use crate::user::{Login, Newcomer, Organization, User};

impl TryFrom<proto::SignupRequest> for Newcomer {
    type Error = Faults;

    fn try_from(request: proto::SignupRequest) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let email = faults.check("email", rules::email(&request.email));
        let password = faults.check("password", rules::new_password(&request.password));
        let first_name = faults.check("firstName", rules::person_name(&request.first_name));
        let last_name = faults.check("lastName", rules::person_name(&request.last_name));
        let membership = membership(request.organization, &mut faults);

        let (Some(email), Some(()), Some(first_name), Some(last_name), Some(membership)) =
            (email, password, first_name, last_name, membership)
        else {
            return Err(faults);
        };
        Ok(Self { email, password: request.password.into(), first_name, last_name, membership })
    }
}

fn membership(choice: Option<signup_request::Organization>, faults: &mut Faults) -> Option<Membership> {
    match choice {
        Some(signup_request::Organization::OrganizationName(name)) => {
            let name = faults.check("organizationName", rules::organization_name(&name))?;
            Some(Membership::Found { slug: slug(&name), name })
        }
        Some(signup_request::Organization::OrganizationId(id)) => {
            faults.check("organizationId", organization_id(&id)).map(Membership::Join)
        }
        None => {
            faults.add("organizationName", "is required unless organizationId is given");
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

impl TryFrom<proto::LoginRequest> for Login {
    type Error = Faults;

    fn try_from(request: proto::LoginRequest) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let email = faults.check("email", rules::login_email(&request.email));
        let password = faults.check("password", rules::login_password(&request.password));
        let (Some(email), Some(())) = (email, password) else { return Err(faults) };
        Ok(Self { email, password: request.password.into() })
    }
}

impl From<User> for proto::User {
    fn from(user: User) -> Self {
        let User { id, email, first_name, last_name, role, organization_id, created_at } = user;
        Self {
            id: id.to_string(),
            email,
            first_name,
            last_name,
            role: proto::Role::from(role).into(),
            organization_id: organization_id.to_string(),
            created_at: Some(timestamp(created_at)),
        }
    }
}

impl From<Organization> for proto::Organization {
    fn from(organization: Organization) -> Self {
        let Organization { id, name, slug } = organization;
        Self { id: id.to_string(), name, slug }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;
    use signup_request::Organization::{OrganizationId, OrganizationName};

    use super::*;

    fn good() -> proto::SignupRequest {
        proto::SignupRequest {
            email: " Ada@Example.org ".into(),
            password: " Passw0rd ".into(),
            first_name: " Ada".into(),
            last_name: "Lovelace ".into(),
            organization: Some(OrganizationName(" Analytical  Engines ".into())),
        }
    }

    fn faults(request: proto::SignupRequest) -> Vec<String> {
        let faults = Newcomer::try_from(request).err().unwrap_or_default();
        faults.iter().map(|fault| format!("{} {}", fault.field, fault.message)).collect()
    }

    #[test]
    fn texts_are_trimmed_and_passwords_are_not() {
        let newcomer = Newcomer::try_from(good()).expect("a good request");
        assert_eq!(newcomer.email, "Ada@Example.org");
        assert_eq!(newcomer.password.expose_secret(), " Passw0rd ");
        assert_eq!((newcomer.first_name.as_str(), newcomer.last_name.as_str()), ("Ada", "Lovelace"));
        let (name, slug) = ("Analytical  Engines".into(), "analytical-engines".into());
        assert_eq!(newcomer.membership, Membership::Found { name, slug });
    }

    #[test]
    fn every_fault_of_a_signup_is_found_at_once() {
        let request = proto::SignupRequest {
            email: "ada".into(),
            password: "short".into(),
            first_name: "  ".into(),
            last_name: "x".repeat(51),
            organization: Some(OrganizationName("!".into())),
        };
        assert_eq!(
            faults(request),
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
    fn an_organization_is_named_or_told_by_its_id() {
        let with = |organization| faults(proto::SignupRequest { organization, ..good() });
        assert_eq!(with(None), ["organizationName is required unless organizationId is given"]);
        assert_eq!(with(Some(OrganizationId(" ".into()))), ["organizationId is required"]);
        assert_eq!(with(Some(OrganizationId("acme-corp".into()))), ["organizationId must be a UUID"]);
        assert!(with(Some(OrganizationId(Uuid::now_v7().to_string()))).is_empty());
    }

    #[test]
    fn a_login_is_checked_for_presence_and_length_only() {
        let read = |email: &str, password: &str| {
            Login::try_from(proto::LoginRequest { email: email.into(), password: password.into() })
        };
        assert!(read("no address at all", "no rules here").is_ok());
        let faults = read(" ", &"x".repeat(101)).err().expect("two faults");
        assert_eq!(faults.to_string(), "email is required; password must be 8 to 100 characters long");
    }

    proptest! {
        #[test]
        fn any_signup_is_either_read_or_told_its_faults(
            email in any::<String>(), password in any::<String>(), name in any::<String>(), id in any::<bool>(),
        ) {
            let organization = if id { OrganizationId(name.clone()) } else { OrganizationName(name.clone()) };
            let request = proto::SignupRequest {
                email, password, first_name: name.clone(), last_name: name, organization: Some(organization),
            };
            prop_assert!(Newcomer::try_from(request).err().is_none_or(|faults| !faults.is_empty()));
        }
    }
}
