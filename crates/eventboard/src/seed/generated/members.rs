//! The generated organizations and their users. All ids are fixed: UUIDs of version 7, like those of the demo data.

use eventboard_domain::Role;
use uuid::Uuid;

use super::{copy::Rows, plan::Plan};
use crate::seed::data::PASSWORD_HASH;

/// The columns of [`add`].
pub(super) const ORGANIZATION_COLUMNS: &str = r#""Organization" (id, name, slug)"#;

/// The columns of [`add`].
pub(super) const USER_COLUMNS: &str = r#""User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash", "emailVerifiedAt")"#;

/// One more user for so many events.
const EVENTS_PER_MEMBER: u32 = 1_000;

/// No organization has more users than these, besides the first three.
const MAX_MEMBERS: u32 = 1_000;

/// The number of the moderator in the organization.
const MODERATOR: u32 = 2;

/// The number of the user whose login is shown.
const USER: u32 = 3;

/// An organization with this number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Organization {
    pub number: u32,
    pub events: u32,
}

impl Organization {
    pub(super) fn new(plan: &Plan, number: u32) -> Self {
        Self { number, events: plan.events_of(number) }
    }

    pub(super) fn id(self) -> Uuid {
        self.user_id(0)
    }

    pub(super) fn slug(self) -> String {
        format!("generated-{}", self.number)
    }

    pub(super) fn moderator_id(self) -> Uuid {
        self.user_id(MODERATOR)
    }

    pub(super) fn user_id_of_login(self) -> Uuid {
        self.user_id(USER)
    }

    /// The id of one of the users without a login of their own in the list, from 0.
    pub(super) fn member_id(self, member: u32) -> Uuid {
        self.user_id(USER + 1 + member)
    }

    /// The number of these users. There is at least one.
    pub(super) fn members(self) -> u32 {
        (1 + self.events / EVENTS_PER_MEMBER).min(MAX_MEMBERS)
    }

    pub(super) fn users(self) -> u32 {
        USER + self.members()
    }

    /// The email addresses and roles of the first users.
    pub(super) fn logins(self) -> [(String, Role); 3] {
        [("admin", Role::Admin), ("moderator", Role::Moderator), ("user", Role::User)]
            .map(|(name, role)| (self.email(name), role))
    }

    fn email(self, name: &str) -> String {
        format!("{name}@{}.example", self.slug())
    }

    /// The organization is user 0.
    fn user_id(self, user: u32) -> Uuid {
        let prefix = 0x0189_0000_0001_7000_8000_0000_0000_0000;
        Uuid::from_u128(prefix | u128::from(self.number) << 32 | u128::from(user))
    }
}

/// Adds the rows of the organization and of all its users.
pub(super) fn add(organization: Organization, organizations: &mut Rows, users: &mut Rows) {
    let (id, slug) = (organization.id(), organization.slug());
    organizations.value(id).value(format_args!("Generated {}", organization.number)).value(slug).end();
    let mut add_user = |number: u32, email: String, first: &str, last: &str, role: Role| {
        users.value(organization.user_id(number)).value(id).value(email).value(first).value(last);
        users.value(role.as_str()).value(PASSWORD_HASH).value("now").end();
    };
    let names = [("Alice", "Admin"), ("Mona", "Moderator"), ("Uma", "User")];
    for ((number, (email, role)), (first, last)) in (1..).zip(organization.logins()).zip(names) {
        add_user(number, email, first, last, role);
    }
    for member in 0..organization.members() {
        let email = organization.email(&format!("member-{}", member + 1));
        add_user(USER + 1 + member, email, "Max", &format!("Member {}", member + 1), Role::User);
    }
}
