//! Who may become a user, and as what.

use uuid::Uuid;

use crate::{Refusal, Role};

/// How a newcomer gets into an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// Founds it and becomes its ADMIN.
    Found {
        /// Its name.
        name: String,
        /// The slug that belongs to the name.
        slug: String,
    },
    /// Joins one that allows open signup, as USER.
    Join(Uuid),
}

impl Membership {
    /// Whether the organization does not exist before.
    pub fn founds(&self) -> bool {
        matches!(self, Self::Found { .. })
    }

    /// The role that the newcomer gets.
    pub fn role(&self) -> Role {
        if self.founds() { Role::Admin } else { Role::User }
    }

    /// Decides whether the newcomer may get in, in the order in which the API answers: 404, 403, 409.
    ///
    /// # Errors
    /// The first refusal of that order.
    pub fn check(&self, obstacles: &Obstacles) -> Result<(), Refusal> {
        let Obstacles { open_signup, slug_taken, email_taken } = *obstacles;
        match (self, open_signup) {
            (Self::Join(_), None) => Err(Refusal::OrganizationUnknown),
            (Self::Join(_), Some(false)) => Err(Refusal::OrganizationClosed),
            (Self::Found { name, slug: _ }, _) if slug_taken => {
                Err(Refusal::OrganizationTaken { name: name.clone() })
            }
            _ if email_taken => Err(Refusal::EmailTaken),
            _ => Ok(()),
        }
    }
}

/// What could stand in the way of a newcomer.
#[derive(Debug, Clone, Copy)]
pub struct Obstacles {
    /// Whether the organization to join allows open signup; `None` when there is none.
    pub open_signup: Option<bool>,
    /// Whether the organization to found exists.
    pub slug_taken: bool,
    /// Whether a user has the e-mail address, in whatever case.
    pub email_taken: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn obstacles_are_told_in_the_order_404_403_409() {
        let join = Membership::Join(Uuid::from_u128(1));
        let found = Membership::Found { name: "Acme".into(), slug: "acme".into() };
        let taken = Refusal::OrganizationTaken { name: "Acme".into() };
        for (membership, open_signup, slug_taken, email_taken, expected) in [
            (&join, None, false, true, Some(Refusal::OrganizationUnknown)),
            (&join, Some(false), false, true, Some(Refusal::OrganizationClosed)),
            (&join, Some(true), false, true, Some(Refusal::EmailTaken)),
            (&join, Some(true), false, false, None),
            (&found, None, true, false, Some(taken.clone())),
            (&found, None, true, true, Some(taken)),
            (&found, None, false, true, Some(Refusal::EmailTaken)),
            (&found, None, false, false, None),
        ] {
            let obstacles = Obstacles { open_signup, slug_taken, email_taken };
            assert_eq!(membership.check(&obstacles).err(), expected);
        }
    }

    #[test]
    fn who_founds_an_organization_is_its_admin() {
        assert_eq!(Membership::Found { name: "Acme".into(), slug: "acme".into() }.role(), Role::Admin);
        assert_eq!(Membership::Join(Uuid::from_u128(1)).role(), Role::User);
    }
}
