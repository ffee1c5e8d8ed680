//! The time zones that a person chooses from.

use std::sync::LazyLock;

use chrono_tz::{TZ_VARIANTS, Tz};

/// The regions of the IANA database, without those that only hold other names of zones.
const REGIONS: [&str; 10] = [
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
];

/// The zones, by region.
static GROUPS: LazyLock<Vec<ZoneGroup>> = LazyLock::new(|| {
    REGIONS.into_iter().map(|region| ZoneGroup { region, zones: zones_of(region) }).collect()
});

/// The zones of a region.
pub(crate) struct ZoneGroup {
    pub(crate) region: &'static str,
    /// In the order of their labels.
    pub(crate) zones: Vec<ZoneChoice>,
}

/// A zone to choose.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ZoneChoice {
    /// The name in the IANA database.
    pub(crate) name: &'static str,
    /// The place first, which is what people look for.
    pub(crate) label: String,
}

/// The zones, by region.
pub(crate) fn groups() -> &'static [ZoneGroup] {
    &GROUPS
}

/// A zone that is none of the groups: one that has another name there, or that a newer release knows. `None` if it is, or if no zone
/// is chosen.
pub(crate) fn other(name: &str) -> Option<&str> {
    let is_listed = |name| GROUPS.iter().flat_map(|group| &group.zones).any(|zone| zone.name == name);
    Some(name).filter(|name| !name.is_empty() && *name != Tz::UTC.name() && !is_listed(*name))
}

/// Whether a zone is the chosen one.
pub(crate) fn is_chosen(zone: &str, chosen: &str) -> bool {
    zone == chosen
}

fn zones_of(region: &str) -> Vec<ZoneChoice> {
    let names = TZ_VARIANTS.iter().map(|zone| zone.name());
    let zones = names.filter_map(|name| {
        let place = name.strip_prefix(region)?.strip_prefix('/')?;
        Some(ZoneChoice { name, label: label(place) })
    });
    let mut zones: Vec<_> = zones.collect();
    zones.sort_by(|one, other| one.label.cmp(&other.label));
    zones
}

/// `Argentina/Buenos_Aires` becomes `Buenos Aires, Argentina`.
fn label(place: &str) -> String {
    let parts: Vec<_> = place.rsplit('/').map(|part| part.replace('_', " ")).collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_found_by_their_places() {
        assert_eq!(label("Argentina/Buenos_Aires"), "Buenos Aires, Argentina");
        let europe = groups().iter().find(|group| group.region == "Europe").expect("a region");
        let berlin = ZoneChoice { name: "Europe/Berlin", label: "Berlin".to_owned() };
        assert!(europe.zones.contains(&berlin));
        assert!(groups().iter().all(|group| group.zones.is_sorted_by_key(|zone| zone.label.as_str())));
    }

    #[test]
    fn a_zone_that_is_not_listed_stays_a_choice() {
        assert_eq!(other("US/Pacific"), Some("US/Pacific"));
        assert_eq!(other("Mars/Olympus_Mons"), Some("Mars/Olympus_Mons"));
        for listed in ["Europe/Berlin", "UTC", ""] {
            assert_eq!(other(listed), None, "{listed}");
        }
    }
}
