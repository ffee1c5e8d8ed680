//! The settings of an organization.

use serde::Serialize;

use crate::Changed;

/// What an admin decides for the whole organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationSettings {
    /// The name. The slug does not follow it, so that what links to the organization keeps working.
    pub name: String,
    /// Whether anybody may join by signing up with the organization's id.
    pub open_signup: bool,
    /// The time zone of members who have not chosen one, by its name in the IANA database.
    pub time_zone: String,
}

/// Settings to change. `None` keeps a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsPatch {
    /// See [`OrganizationSettings::name`].
    pub name: Option<String>,
    /// See [`OrganizationSettings::open_signup`].
    pub open_signup: Option<bool>,
    /// See [`OrganizationSettings::time_zone`].
    pub time_zone: Option<String>,
}

/// The settings that have other values, before and afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingsChange {
    /// See [`OrganizationSettings::name`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Changed<String>>,
    /// See [`OrganizationSettings::open_signup`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_signup: Option<Changed<bool>>,
    /// See [`OrganizationSettings::time_zone`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Changed<String>>,
}

impl SettingsPatch {
    /// Returns the settings afterwards, and what is different. `None` if nothing is.
    pub fn apply(self, settings: &OrganizationSettings) -> Option<(OrganizationSettings, SettingsChange)> {
        let Self { name, open_signup, time_zone } = self;
        let change = SettingsChange {
            name: Changed::between(&settings.name, name),
            open_signup: Changed::between(&settings.open_signup, open_signup),
            time_zone: Changed::between(&settings.time_zone, time_zone),
        };
        let SettingsChange { name, open_signup, time_zone } = &change;
        let after = OrganizationSettings {
            name: name.as_ref().map_or(&settings.name, |name| &name.to).clone(),
            open_signup: open_signup.as_ref().map_or(settings.open_signup, |open_signup| open_signup.to),
            time_zone: time_zone.as_ref().map_or(&settings.time_zone, |time_zone| &time_zone.to).clone(),
        };
        (after != *settings).then_some((after, change))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_different_counts_as_changed() {
        let before =
            OrganizationSettings { name: "Acme".into(), open_signup: false, time_zone: "UTC".into() };
        let patch = SettingsPatch {
            name: Some("Acme".into()),
            open_signup: Some(true),
            time_zone: Some("Europe/Berlin".into()),
        };
        let (after, change) = patch.apply(&before).expect("a change");
        assert_eq!((after.name.as_str(), after.open_signup), ("Acme", true));
        assert_eq!(
            serde_json::to_value(change).expect("JSON"),
            serde_json::json!({
                "openSignup": { "from": false, "to": true },
                "timeZone": { "from": "UTC", "to": "Europe/Berlin" },
            })
        );
        assert_eq!(SettingsPatch::default().apply(&before), None);
        let same = SettingsPatch { name: Some("Acme".into()), ..SettingsPatch::default() };
        assert_eq!(same.apply(&before), None);
    }
}
