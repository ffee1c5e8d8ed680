//! The rules about the members of an organization.

use crate::{Refusal, Role};

/// How a deleted user is called whose events stay.
pub const FORMER_MEMBER: &str = "Former member";

/// What changes about a member. `None` keeps a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemberChange {
    /// What the member may do.
    pub role: Option<Role>,
    /// Whether the member cannot log in.
    pub disabled: Option<bool>,
}

/// What a member may do, and whether the member can log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberState {
    /// What the member may do.
    pub role: Role,
    /// Whether the member cannot log in.
    pub disabled: bool,
}

/// The members of an organization besides one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherMembers {
    /// Whether there are any.
    pub exist: bool,
    /// Whether an ADMIN is among them who can log in.
    pub include_admin: bool,
}

impl MemberState {
    /// Whether the member can administer the organization.
    pub fn is_enabled_admin(self) -> bool {
        self.role == Role::Admin && !self.disabled
    }

    /// Returns the state after a change.
    ///
    /// # Errors
    /// `LastAdmin` when nobody could administer the organization afterwards.
    pub fn change(self, change: MemberChange, others: OtherMembers) -> Result<Self, Refusal> {
        let MemberChange { role, disabled } = change;
        let after = Self { role: role.unwrap_or(self.role), disabled: disabled.unwrap_or(self.disabled) };
        if self.is_enabled_admin() && !after.is_enabled_admin() && !others.include_admin {
            return Err(Refusal::LastAdmin);
        }
        Ok(after)
    }

    /// Decides whether the member may be deleted. The last member may, and takes the organization along.
    ///
    /// # Errors
    /// `LastAdmin` when nobody could administer the organization afterwards.
    pub fn check_removal(self, others: OtherMembers) -> Result<(), Refusal> {
        let OtherMembers { exist, include_admin } = others;
        if self.is_enabled_admin() && exist && !include_admin { Err(Refusal::LastAdmin) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADMIN: MemberState = MemberState { role: Role::Admin, disabled: false };
    const ALONE: OtherMembers = OtherMembers { exist: false, include_admin: false };
    const WITHOUT_ADMIN: OtherMembers = OtherMembers { exist: true, include_admin: false };
    const WITH_ADMIN: OtherMembers = OtherMembers { exist: true, include_admin: true };

    #[test]
    fn the_last_enabled_admin_can_be_neither_demoted_nor_disabled() {
        for role in Role::ALL {
            for disabled in [false, true] {
                let state = MemberState { role: *role, disabled };
                for new_role in Role::ALL {
                    for new_disabled in [false, true] {
                        let change = MemberChange { role: Some(*new_role), disabled: Some(new_disabled) };
                        let after = MemberState { role: *new_role, disabled: new_disabled };
                        let takes_admin = state == ADMIN && after != ADMIN;
                        for others in [ALONE, WITHOUT_ADMIN] {
                            let expected = if takes_admin { Err(Refusal::LastAdmin) } else { Ok(after) };
                            assert_eq!(state.change(change, others), expected, "{state:?} {after:?}");
                        }
                        assert_eq!(state.change(change, WITH_ADMIN), Ok(after));
                    }
                }
                assert_eq!(state.change(MemberChange::default(), ALONE), Ok(state));
            }
        }
    }

    #[test]
    fn the_last_enabled_admin_can_be_deleted_only_as_the_last_member() {
        for role in Role::ALL {
            for disabled in [false, true] {
                let state = MemberState { role: *role, disabled };
                let expected = if state == ADMIN { Err(Refusal::LastAdmin) } else { Ok(()) };
                assert_eq!(state.check_removal(WITHOUT_ADMIN), expected, "{state:?}");
                assert_eq!(state.check_removal(ALONE), Ok(()));
                assert_eq!(state.check_removal(WITH_ADMIN), Ok(()));
            }
        }
    }
}
