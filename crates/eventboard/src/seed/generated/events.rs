//! The generated events with their histories.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use eventboard_domain::{EventStatus, FoldedTexts, HistoryAction};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use uuid::{Builder, Uuid};

use super::{
    copy::Rows,
    members::Organization,
    plan::{Plan, is_chosen},
    texts::{Texts, pick},
};

/// The columns of [`Events::add_next`].
pub(super) const EVENT_COLUMNS: &str = r#""Event" (id, "organizationId", "createdById", title, description, location,
    "startDate", "endDate", status, "rejectionReason", "createdAt", "updatedAt", version, "foldedTitle", "searchText",
    "foldedVersion")"#;

/// The columns of [`Events::add_next`].
pub(super) const HISTORY_COLUMNS: &str = r#""EventHistory" ("eventId", "organizationId", "actorId", action, "fromStatus",
    "toStatus", reason, at)"#;

/// Every run generates the same texts.
const RANDOM_SEED: u64 = 1;

/// The first event was created so long ago.
const AGE: TimeDelta = TimeDelta::days(3 * 365);

/// All events that are older than this have been approved or rejected.
const RECENT: TimeDelta = TimeDelta::days(60);

/// An event starts at most so long after its creation.
const MAX_LEAD: TimeDelta = TimeDelta::days(90);

/// An event is submitted, and then approved or rejected, after at most this time.
const MAX_DELAY: TimeDelta = TimeDelta::days(2);

/// The number of events of the user whose login is shown, in each organization.
const EVENTS_OF_USER: u32 = 10;

const LOCATIONS: [Option<&str>; 8] = [
    None,
    Some("Office"),
    Some("Virtual"),
    Some("Town hall"),
    Some("Library, room 2"),
    Some("Köln, Große Straße 7"),
    Some("Αθήνα"),
    Some("上海"),
];

const REJECTION_REASONS: [&str; 4] = [
    "Please name a person in charge.",
    "The place is not available on this day.",
    "There is an event of this kind already.",
    "Please describe who may take part.",
];

/// All events, in the order of their creation.
pub(super) struct Events {
    plan: Plan,
    texts: Texts,
    random: Xoshiro256PlusPlus,
    now: DateTime<Utc>,
    /// The number of events so far.
    count: u32,
    /// The same for each organization.
    counts: Vec<u32>,
}

/// One entry of a history.
struct Step {
    action: HistoryAction,
    from: Option<EventStatus>,
    to: EventStatus,
    actor: Uuid,
    at: DateTime<Utc>,
}

impl Events {
    /// `now` is the time of the newest event.
    pub(super) fn new(plan: Plan, now: DateTime<Utc>) -> Self {
        Self {
            plan,
            texts: Texts::new(),
            random: Xoshiro256PlusPlus::seed_from_u64(RANDOM_SEED),
            now,
            count: 0,
            counts: vec![0; plan.organizations as usize],
        }
    }

    /// The number of events that have been added.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Adds the rows of the next event and its history.
    pub(super) fn add_next(&mut self, events: &mut Rows, history: &mut Rows) {
        let organization = Organization::new(&self.plan, self.plan.organization_of(self.count));
        let created = self.next_creation();
        self.count += 1;
        let count = &mut self.counts[organization.number as usize - 1];
        // In the organization.
        let number = *count;
        *count += 1;

        let id = Builder::from_unix_timestamp_millis(
            created.timestamp_millis().unsigned_abs(),
            &self.random.random(),
        );
        let id = id.into_uuid();
        let owner = self.owner(organization, number);
        let steps = self.steps(organization, owner, created);
        let (status, updated) = steps.last().map_or((EventStatus::Draft, created), |step| (step.to, step.at));
        let is_rejected = status == EventStatus::Rejected;
        let reason = is_rejected.then(|| pick(&mut self.random, &REJECTION_REASONS));
        let title = self.texts.title(&mut self.random);
        let description = self.texts.description(&mut self.random, number);
        let (start, end) = self.times(created);

        events.value(id).value(organization.id()).value(owner).value(&title).value(&description);
        events
            .optional(pick(&mut self.random, &LOCATIONS))
            .value(start)
            .value(end)
            .value(status)
            .optional(reason);
        events.value(created).value(updated).value(steps.len());
        let folded = FoldedTexts::new(&title, &description);
        events.value(&folded.title).value(&folded.search_text).value(steps.len()).end();
        for Step { action, from, to, actor, at } in steps {
            history.value(id).value(organization.id()).value(actor).value(action).optional(from).value(to);
            history.optional(reason.filter(|_| to == EventStatus::Rejected)).value(at).end();
        }
    }

    /// The events are spread over the whole time.
    fn next_creation(&mut self) -> DateTime<Utc> {
        let position = (f64::from(self.count) + self.random.random::<f64>()) / f64::from(self.plan.events);
        self.now - fraction(AGE, 1.0 - position)
    }

    fn owner(&mut self, organization: Organization, number: u32) -> Uuid {
        if is_chosen(number, EVENTS_OF_USER.min(organization.events), organization.events) {
            return organization.user_id_of_login();
        }
        organization.member_id(self.random.random_range(0..organization.members()))
    }

    /// What happened to the event until now.
    fn steps(&mut self, organization: Organization, owner: Uuid, created: DateTime<Utc>) -> Vec<Step> {
        use EventStatus::{Approved, Draft, Rejected, Submitted};
        use HistoryAction::{Approve, Create, Reject, Submit};
        let is_recent = self.now - created < RECENT;
        let mut steps = vec![Step { action: Create, from: None, to: Draft, actor: owner, at: created }];
        if is_recent && self.random.random_ratio(1, 3) {
            return steps;
        }
        let submitted = self.later(created);
        steps.push(Step { action: Submit, from: Some(Draft), to: Submitted, actor: owner, at: submitted });
        if is_recent && self.random.random_ratio(1, 2) {
            return steps;
        }
        let (action, to) =
            if self.random.random_ratio(1, 12) { (Reject, Rejected) } else { (Approve, Approved) };
        let (actor, at) = (organization.moderator_id(), self.later(submitted));
        steps.push(Step { action, from: Some(Submitted), to, actor, at });
        steps
    }

    /// A time between the given one and now.
    fn later(&mut self, time: DateTime<Utc>) -> DateTime<Utc> {
        time + fraction(MAX_DELAY.min(self.now - time), self.random.random())
    }

    /// The start, at a quarter of an hour, and the end of an event.
    fn times(&mut self, created: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
        let start = created + fraction(MAX_LEAD, self.random.random());
        let start = start.duration_trunc(TimeDelta::minutes(15)).unwrap_or(start);
        (start, start + TimeDelta::minutes(30) * self.random.random_range(1..=16))
    }
}

/// A part of the duration, in whole milliseconds. The part is at least 0 and less than 1.
fn fraction(duration: TimeDelta, part: f64) -> TimeDelta {
    TimeDelta::milliseconds((duration.num_milliseconds() as f64 * part) as i64)
}
