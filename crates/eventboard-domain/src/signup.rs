//! The rules of signup.

use uuid::Uuid;

use crate::{Refusal, Role};

/// The organization that a new user becomes a member of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// The user creates the organization and becomes its ADMIN.
    NewOrganization {
        /// The name of the organization.
        name: String,
        /// The slug derived from the name.
        slug: String,
    },
    /// The user joins an organization that allows open signup, as USER.
    ExistingOrganization(Uuid),
}

impl Membership {
    /// Returns whether the signup creates the organization.
    pub fn creates_organization(&self) -> bool {
        matches!(self, Self::NewOrganization { .. })
    }

    /// Returns the role of the new user.
    pub fn role(&self) -> Role {
        if self.creates_organization() { Role::Admin } else { Role::User }
    }

    /// Decides whether the signup is allowed. Checks in the order that the API documents: 404, 403, 409.
    ///
    /// # Errors
    /// Returns the first refusal in that order.
    pub fn check(&self, preconditions: &SignupPreconditions) -> Result<(), Refusal> {
        let SignupPreconditions { open_signup, slug_taken, email_taken } = *preconditions;
        match (self, open_signup) {
            (Self::ExistingOrganization(_), None) => Err(Refusal::OrganizationNotFound),
            (Self::ExistingOrganization(_), Some(false)) => Err(Refusal::OrganizationClosed),
            (Self::NewOrganization { name, slug: _ }, _) if slug_taken => {
                Err(Refusal::OrganizationNameTaken { name: name.clone() })
            }
            _ if email_taken => Err(Refusal::EmailTaken),
            _ => Ok(()),
        }
    }
}

/// The facts that decide whether a signup is allowed.
#[derive(Debug, Clone, Copy)]
pub struct SignupPreconditions {
    /// Whether the organization to join allows open signup; `None` when it does not exist.
    pub open_signup: Option<bool>,
    /// Whether an organization with the same slug as the new one exists.
    pub slug_taken: bool,
    /// Whether a user has the e-mail address, ignoring case.
    pub email_taken: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signup_is_refused_in_the_order_404_403_409() {
        let join = Membership::ExistingOrganization(Uuid::from_u128(1));
        let create = Membership::NewOrganization { name: "Acme".into(), slug: "acme".into() };
        let taken = Refusal::OrganizationNameTaken { name: "Acme".into() };
        for (membership, open_signup, slug_taken, email_taken, expected) in [
            (&join, None, false, true, Some(Refusal::OrganizationNotFound)),
            (&join, Some(false), false, true, Some(Refusal::OrganizationClosed)),
            (&join, Some(true), false, true, Some(Refusal::EmailTaken)),
            (&join, Some(true), false, false, None),
            (&create, None, true, false, Some(taken.clone())),
            (&create, None, true, true, Some(taken)),
            (&create, None, false, true, Some(Refusal::EmailTaken)),
            (&create, None, false, false, None),
        ] {
            let preconditions = SignupPreconditions { open_signup, slug_taken, email_taken };
            assert_eq!(membership.check(&preconditions).err(), expected);
        }
    }

    #[test]
    fn a_user_who_creates_an_organization_is_its_admin() {
        let create = Membership::NewOrganization { name: "Acme".into(), slug: "acme".into() };
        assert_eq!(create.role(), Role::Admin);
        assert_eq!(Membership::ExistingOrganization(Uuid::from_u128(1)).role(), Role::User);
    }
}
