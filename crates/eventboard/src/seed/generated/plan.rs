//! How the events are spread over the organizations.

/// The number of events of the second organization, if there are enough.
const SMALL: u32 = 1_000;

/// Says which organization gets which event. Organizations have numbers from 1. The first one is large: it has about
/// half of all events. The second one is small. The others get the same number each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub events: u32,
    pub organizations: u32,
    large: u32,
    /// 0: there are too few events, so the second organization is one of the others.
    small: u32,
}

impl Plan {
    /// Plans at least as many events as organizations.
    pub(super) fn new(events: u32, organizations: u32) -> Self {
        let others = organizations - 1;
        let large = (events / 2).clamp(1, events - others);
        let has_small = others > 0 && events - large >= SMALL + others - 1;
        let small = if has_small { SMALL } else { 0 };
        // What nobody else gets.
        let large = if others == u32::from(has_small) { events - small } else { large };
        Self { events, organizations, large, small }
    }

    /// The number of events of an organization.
    pub(super) fn events_of(&self, organization: u32) -> u32 {
        let first = self.first_of_others();
        match organization {
            1 => self.large,
            _ if organization < first => self.small,
            _ => {
                let (events, count) = (self.events - self.large - self.small, self.organizations + 1 - first);
                events / count + u32::from(organization - first < events % count)
            }
        }
    }

    /// The organization that gets the event with this number, from 0. The events of all organizations are mixed, as if
    /// they had been created at the same time.
    pub(super) fn organization_of(&self, event: u32) -> u32 {
        if is_chosen(event, self.large, self.events) {
            return 1;
        }
        let (event, events) = (event - share(event, self.large, self.events), self.events - self.large);
        if is_chosen(event, self.small, events) {
            return 2;
        }
        let first = self.first_of_others();
        first + (event - share(event, self.small, events)) % (self.organizations + 1 - first)
    }

    fn first_of_others(&self) -> u32 {
        if self.small > 0 { 3 } else { 2 }
    }
}

/// Whether the item is one of `part` items that are spread evenly over the `whole`. Items have numbers from 0.
pub(super) fn is_chosen(item: u32, part: u32, whole: u32) -> bool {
    share(item + 1, part, whole) > share(item, part, whole)
}

/// How many of the first items are chosen.
fn share(items: u32, part: u32, whole: u32) -> u32 {
    let share = u64::from(items) * u64::from(part) / u64::from(whole);
    u32::try_from(share).unwrap_or(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_organization_gets_the_planned_number_of_events() {
        for (events, organizations) in
            [(1, 1), (7, 7), (10, 3), (999, 2), (2_000, 2), (2_500, 3), (5_003, 40), (30_000, 12_000)]
        {
            let plan = Plan::new(events, organizations);
            let mut counts = vec![0; organizations as usize];
            for event in 0..events {
                counts[plan.organization_of(event) as usize - 1] += 1;
            }
            let planned: Vec<u32> = (1..=organizations).map(|number| plan.events_of(number)).collect();
            assert_eq!(counts, planned, "{events} events, {organizations} organizations");
            assert!(planned.iter().all(|count| *count > 0), "{planned:?}");
        }
    }

    #[test]
    fn a_large_organization_is_beside_one_with_1000_events_and_equal_ones() {
        let sizes = |events, organizations| {
            let plan = Plan::new(events, organizations);
            (1..=organizations).map(|number| plan.events_of(number)).collect::<Vec<_>>()
        };
        assert_eq!(sizes(10_000_000, 1), [10_000_000]);
        assert_eq!(sizes(10_000_000, 2), [9_999_000, 1_000]);
        assert_eq!(sizes(10_000_000, 4), [5_000_000, 1_000, 2_499_500, 2_499_500]);
        assert_eq!(sizes(1_000, 3), [500, 250, 250]);
    }

    #[test]
    fn chosen_items_are_spread_evenly() {
        let chosen: Vec<u32> = (0..10).filter(|item| is_chosen(*item, 2, 10)).collect();
        assert_eq!(chosen, [4, 9]);
    }
}
