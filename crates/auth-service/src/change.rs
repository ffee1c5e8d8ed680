//! What a caller changes once for each idempotency key: their own profile, and the organization.

use eventboard_domain::{Identity, MemberChange, NewInvitation, Preconditions, Refusal, SettingsPatch};
use eventboard_idempotency::Fingerprint;
use uuid::Uuid;

/// A change. All values were validated with the domain rules.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// The caller's profile.
    UpdateMe(ProfilePatch),
    /// The settings of the organization.
    UpdateOrganization { patch: SettingsPatch, preconditions: Preconditions },
    /// What a member may do.
    UpdateMember { id: Uuid, change: MemberChange, preconditions: Preconditions },
    /// A member goes.
    RemoveMember { id: Uuid, preconditions: Preconditions },
    /// Somebody is invited.
    CreateInvitation(NewInvitation),
    /// An invitation goes.
    WithdrawInvitation { id: Uuid },
}

/// A change of a user's profile. The outer `None` keeps a value.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProfilePatch {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub language: Option<Option<String>>,
    pub time_zone: Option<Option<String>>,
}

impl Change {
    /// The name of the gRPC method, which is part of the idempotency key's scope.
    pub(crate) fn method(&self) -> &'static str {
        match self {
            Self::UpdateMe(_) => "UpdateMe",
            Self::UpdateOrganization { patch: _, preconditions: _ } => "UpdateOrganization",
            Self::UpdateMember { id: _, change: _, preconditions: _ } => "UpdateMember",
            Self::RemoveMember { id: _, preconditions: _ } => "RemoveMember",
            Self::CreateInvitation(_) => "CreateInvitation",
            Self::WithdrawInvitation { id: _ } => "WithdrawInvitation",
        }
    }

    /// Whether the change is about the organization, and not about the caller alone.
    pub(crate) fn is_administration(&self) -> bool {
        match self {
            Self::UpdateMe(_) => false,
            Self::UpdateOrganization { patch: _, preconditions: _ }
            | Self::UpdateMember { id: _, change: _, preconditions: _ }
            | Self::RemoveMember { id: _, preconditions: _ }
            | Self::CreateInvitation(_)
            | Self::WithdrawInvitation { id: _ } => true,
        }
    }

    /// Checks that the caller's role allows the change.
    ///
    /// # Errors
    /// `AdminRequired` when it does not.
    pub(crate) fn check_role(&self, caller: &Identity) -> Result<(), Refusal> {
        if self.is_administration() { caller.require_admin() } else { Ok(()) }
    }

    /// Identifies repeated requests. It must be stable across releases, because stored keys outlive a release.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let fingerprint = Fingerprint::of(self.method());
        match self {
            Self::UpdateMe(patch) => patch.add_to(fingerprint),
            Self::UpdateOrganization { patch, preconditions } => {
                let SettingsPatch { name, open_signup, time_zone } = patch;
                fingerprint
                    .preconditions(preconditions)
                    .text("name", name.as_deref())
                    .text("openSignup", open_signup.map(flag))
                    .text("timeZone", time_zone.as_deref())
            }
            Self::UpdateMember { id, change: MemberChange { role, disabled }, preconditions } => fingerprint
                .text("id", Some(&id.to_string()))
                .preconditions(preconditions)
                .text("role", role.map(|role| role.as_str()))
                .text("disabled", disabled.map(flag)),
            Self::RemoveMember { id, preconditions } => {
                fingerprint.text("id", Some(&id.to_string())).preconditions(preconditions)
            }
            Self::CreateInvitation(NewInvitation { email, role }) => {
                fingerprint.text("email", Some(email)).text("role", Some(role.as_str()))
            }
            Self::WithdrawInvitation { id } => fingerprint.text("id", Some(&id.to_string())),
        }
        .finish()
    }
}

impl ProfilePatch {
    fn add_to(&self, fingerprint: Fingerprint) -> Fingerprint {
        let Self { first_name, last_name, language, time_zone } = self;
        let given = |value: &Option<Option<String>>| value.as_ref().map(|_| "");
        fingerprint
            .text("firstName", first_name.as_deref())
            .text("lastName", last_name.as_deref())
            .text("language given", given(language))
            .text("language", language.as_ref().and_then(Option::as_deref))
            .text("timeZone given", given(time_zone))
            .text("timeZone", time_zone.as_ref().and_then(Option::as_deref))
    }
}

fn flag(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use eventboard_domain::{EntityTags, Role};

    use super::*;

    #[test]
    fn different_changes_have_different_fingerprints() {
        let (id, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let none = Preconditions::default;
        let conditional =
            Preconditions { if_match: Some(EntityTags::Versions(vec![1])), if_none_match: None };
        let member = |role, disabled| Change::UpdateMember {
            id,
            change: MemberChange { role, disabled },
            preconditions: none(),
        };
        let settings = |patch| Change::UpdateOrganization { patch, preconditions: none() };
        let invitation =
            |email: &str, role| Change::CreateInvitation(NewInvitation { email: email.to_owned(), role });
        let zone = |time_zone| Change::UpdateMe(ProfilePatch { time_zone, ..ProfilePatch::default() });
        let changes = [
            Change::UpdateMe(ProfilePatch::default()),
            Change::UpdateMe(ProfilePatch { first_name: Some("x".into()), ..ProfilePatch::default() }),
            Change::UpdateMe(ProfilePatch { last_name: Some("x".into()), ..ProfilePatch::default() }),
            Change::UpdateMe(ProfilePatch { language: Some(None), ..ProfilePatch::default() }),
            zone(Some(None)),
            zone(Some(Some("UTC".into()))),
            settings(SettingsPatch::default()),
            settings(SettingsPatch { name: Some("x".into()), ..SettingsPatch::default() }),
            settings(SettingsPatch { open_signup: Some(true), ..SettingsPatch::default() }),
            settings(SettingsPatch { open_signup: Some(false), ..SettingsPatch::default() }),
            settings(SettingsPatch { time_zone: Some("x".into()), ..SettingsPatch::default() }),
            member(None, None),
            member(Some(Role::Admin), None),
            member(Some(Role::User), None),
            member(None, Some(true)),
            member(None, Some(false)),
            Change::RemoveMember { id, preconditions: none() },
            Change::RemoveMember { id: other, preconditions: none() },
            Change::RemoveMember { id, preconditions: conditional },
            invitation("a@example.org", Role::User),
            invitation("a@example.org", Role::Admin),
            invitation("b@example.org", Role::User),
            Change::WithdrawInvitation { id },
        ];
        let fingerprints: HashSet<_> = changes.iter().map(Change::fingerprint).collect();
        assert_eq!(fingerprints.len(), changes.len());
    }

    #[test]
    fn a_fingerprint_does_not_change_between_releases() {
        let id = Uuid::from_u128(1);
        let preconditions =
            || Preconditions { if_match: Some(EntityTags::Versions(vec![1])), if_none_match: None };
        let text = |text: &str| Some(text.to_owned());
        let profile = ProfilePatch {
            first_name: text("Ada"),
            last_name: text("Lovelace"),
            language: Some(text("en")),
            time_zone: Some(text("UTC")),
        };
        let patch =
            SettingsPatch { name: text("Acme"), open_signup: Some(true), time_zone: text("Europe/Berlin") };
        let change = MemberChange { role: Some(Role::Admin), disabled: Some(false) };
        let invitation = NewInvitation { email: "ada@example.org".to_owned(), role: Role::User };
        let changes = [
            Change::UpdateMe(profile),
            Change::UpdateOrganization { patch, preconditions: preconditions() },
            Change::UpdateMember { id, change, preconditions: preconditions() },
            Change::RemoveMember { id, preconditions: preconditions() },
            Change::CreateInvitation(invitation),
            Change::WithdrawInvitation { id },
        ];
        let fingerprints = changes
            .map(|change| change.fingerprint().iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        assert_eq!(
            fingerprints,
            [
                "866e85b798e047bfa32c1ed75b8aa9a7f9b1c0bed7a0461ac17a8d38c0838dbc",
                "443731036bc76ab78b814b95036c47ab4e56015b1c9bb249b50b73f8bbbfb6a8",
                "a7bc28ea2615f89653ebcc7f3213274b97d5233f97d998f2d512a62a4064d840",
                "b018d7fba7e20c7b3d1c404596d4e225c1aa345eb1dc84fd2c93ed767926db7f",
                "e65693ca8ef5b8f29a438a8547003a7c6f92457df86543c646dbbdb0555a4d5c",
                "30d821825fd075601fb25210c43e9f15070224ed664c06877834e3071c8fbba8"
            ]
        );
    }
}
