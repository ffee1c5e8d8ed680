//! The rules of signup.

use uuid::Uuid;

use crate::{Quotas, Refusal, Role};

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
    /// The user joins the organization that has invited them.
    Invitation {
        /// The invitation.
        id: Uuid,
        /// The organization.
        organization_id: Uuid,
        /// The role that the invitation is for.
        role: Role,
    },
}

impl Membership {
    /// Returns whether the signup creates the organization.
    pub fn creates_organization(&self) -> bool {
        matches!(self, Self::NewOrganization { .. })
    }

    /// Returns the invitation of the user, if there is one.
    pub fn invitation_id(&self) -> Option<Uuid> {
        match self {
            Self::Invitation { id, organization_id: _, role: _ } => Some(*id),
            Self::NewOrganization { name: _, slug: _ } | Self::ExistingOrganization(_) => None,
        }
    }

    /// Returns whether the user is invited. Then the mail with the invitation has proved that the address is theirs.
    pub fn is_invited(&self) -> bool {
        self.invitation_id().is_some()
    }

    /// Returns the role of the new user.
    pub fn role(&self) -> Role {
        match self {
            Self::NewOrganization { name: _, slug: _ } => Role::Admin,
            Self::ExistingOrganization(_) => Role::User,
            Self::Invitation { id: _, organization_id: _, role } => *role,
        }
    }

    /// Decides whether the signup is allowed. Checks in the order that the API documents: 404, 403, 409.
    ///
    /// # Errors
    /// Returns the first refusal in that order.
    pub fn check(&self, preconditions: &SignupPreconditions, quotas: &Quotas) -> Result<(), Refusal> {
        let SignupPreconditions { open_signup, members, slug_taken, email_taken } = *preconditions;
        match (self, open_signup) {
            (Self::ExistingOrganization(_), None) => Err(Refusal::OrganizationNotFound),
            (Self::ExistingOrganization(_), Some(false)) => Err(Refusal::OrganizationClosed),
            (Self::NewOrganization { name, slug: _ }, _) if slug_taken => {
                Err(Refusal::OrganizationNameTaken { name: name.clone() })
            }
            _ if email_taken => Err(Refusal::EmailTaken),
            _ => quotas.check_new_member(members),
        }
    }
}

/// The facts that decide whether a signup is allowed.
#[derive(Debug, Clone, Copy)]
pub struct SignupPreconditions {
    /// Whether the organization to join allows open signup; `None` when it does not exist.
    pub open_signup: Option<bool>,
    /// The number of members of the organization to join, counted up to the limit. A new organization has none.
    pub members: i64,
    /// Whether an organization with the same slug as the new one exists.
    pub slug_taken: bool,
    /// Whether a user has the e-mail address, ignoring case.
    pub email_taken: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Quota;

    #[test]
    fn a_signup_is_refused_in_the_order_404_403_409() {
        let join = Membership::ExistingOrganization(Uuid::from_u128(1));
        let create = Membership::NewOrganization { name: "Acme".into(), slug: "acme".into() };
        let quotas = Quotas { events: 1, bytes: 1, members: 5 };
        let taken = Refusal::OrganizationNameTaken { name: "Acme".into() };
        let full = Refusal::QuotaExceeded { quota: Quota::Members, limit: 5 };
        for (membership, open_signup, members, slug_taken, email_taken, expected) in [
            (&join, None, 0, false, true, Some(Refusal::OrganizationNotFound)),
            (&join, Some(false), 5, false, true, Some(Refusal::OrganizationClosed)),
            (&join, Some(true), 5, false, true, Some(Refusal::EmailTaken)),
            (&join, Some(true), 5, false, false, Some(full)),
            (&join, Some(true), 4, false, false, None),
            (&create, None, 0, true, false, Some(taken.clone())),
            (&create, None, 0, true, true, Some(taken)),
            (&create, None, 0, false, true, Some(Refusal::EmailTaken)),
            (&create, None, 0, false, false, None),
        ] {
            let preconditions = SignupPreconditions { open_signup, members, slug_taken, email_taken };
            assert_eq!(membership.check(&preconditions, &quotas).err(), expected);
        }
    }

    #[test]
    fn a_user_who_creates_an_organization_is_its_admin() {
        let create = Membership::NewOrganization { name: "Acme".into(), slug: "acme".into() };
        assert_eq!(create.role(), Role::Admin);
        assert_eq!(Membership::ExistingOrganization(Uuid::from_u128(1)).role(), Role::User);
    }

    #[test]
    fn an_invited_user_has_the_role_of_the_invitation_and_may_join_a_closed_organization() {
        let quotas = Quotas { events: 1, bytes: 1, members: 5 };
        for role in Role::ALL {
            let (id, organization_id) = (Uuid::from_u128(1), Uuid::from_u128(2));
            let invited = Membership::Invitation { id, organization_id, role: *role };
            assert_eq!((invited.role(), invited.invitation_id()), (*role, Some(id)));
            let check = |members, email_taken| {
                let preconditions =
                    SignupPreconditions { open_signup: Some(false), members, slug_taken: false, email_taken };
                invited.check(&preconditions, &quotas).err()
            };
            assert_eq!(check(4, false), None);
            assert_eq!(check(4, true), Some(Refusal::EmailTaken));
            assert_eq!(check(5, false), Some(Refusal::QuotaExceeded { quota: Quota::Members, limit: 5 }));
        }
    }
}
