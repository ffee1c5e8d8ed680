//! The texts of the pages of events.

use eventboard_domain::EventStatus;

use crate::filter_words::{DayWords, FilterWords, StatusFilter};

/// The texts of the pages of events.
#[derive(Debug)]
pub(crate) struct EventTexts {
    /// The name of the choice between the list and the month.
    pub(crate) view: &'static str,
    pub(crate) list: &'static str,
    pub(crate) month: &'static str,
    /// The name of the form with the filters.
    pub(crate) filters: &'static str,
    pub(crate) search: &'static str,
    pub(crate) find: &'static str,
    pub(crate) more_filters: &'static str,
    pub(crate) drop_filters: &'static str,
    pub(crate) status: &'static str,
    pub(crate) any_status: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) only_mine: &'static str,
    /// What to type into the fields of days.
    pub(crate) from_format: &'static str,
    pub(crate) to_format: &'static str,
    pub(crate) days_reversed: &'static str,
    pub(crate) search_too_broad: &'static str,
    pub(crate) in_progress: &'static str,
    pub(crate) earlier: &'static str,
    pub(crate) upcoming: &'static str,
    pub(crate) from_the_beginning: &'static str,
    pub(crate) invite_others: &'static str,
    pub(crate) nothing_yet: &'static str,
    pub(crate) nothing_upcoming: &'static str,
    /// What is listed.
    pub(crate) listed: fn(&FilterWords<'_>) -> String,
    /// That nothing is listed.
    pub(crate) nothing_listed: fn(&FilterWords<'_>) -> String,

    /// The name of the links to other months.
    pub(crate) months: &'static str,
    pub(crate) previous_month: fn(month: &str) -> String,
    pub(crate) next_month: fn(month: &str) -> String,
    /// The long names of Monday to Sunday.
    pub(crate) weekdays: [&'static str; 7],
    pub(crate) today: fn(day: &str) -> String,
    pub(crate) more: fn(count: u32, is_exact: bool) -> String,
    pub(crate) more_on: fn(count: u32, is_exact: bool, day: &str) -> String,
    pub(crate) nothing_in_month: fn(month: &str) -> String,

    pub(crate) when: &'static str,
    pub(crate) location: &'static str,
    pub(crate) posted_by: &'static str,
    pub(crate) edit: &'static str,
    pub(crate) copy: &'static str,
    pub(crate) copy_event: &'static str,
    pub(crate) delete: &'static str,
    pub(crate) submit: &'static str,
    pub(crate) publish: &'static str,
    pub(crate) send_back: &'static str,
    pub(crate) changed: fn(at: &str) -> String,
    pub(crate) draft_note: &'static str,
    pub(crate) unverified_draft_note: &'static str,
    pub(crate) draft_of_other_note: &'static str,
    pub(crate) in_review_note: fn(since: Option<&str>) -> String,
    pub(crate) to_decide_note: fn(since: Option<&str>, age: Option<&str>) -> String,
    pub(crate) reason: &'static str,
    pub(crate) sent_back_note: &'static str,
    pub(crate) sent_back_to_other_note: &'static str,

    pub(crate) sent_back_group: &'static str,
    pub(crate) sent_back_group_hint: &'static str,
    pub(crate) drafts_group: &'static str,
    pub(crate) drafts_group_hint: &'static str,
    pub(crate) in_review_group_hint: &'static str,
    pub(crate) published_group_hint: &'static str,
    /// The link to all events of a group.
    pub(crate) all_of_group: fn(EventStatus) -> &'static str,
    /// A reason among other things.
    pub(crate) quoted: fn(reason: &str) -> String,
    pub(crate) no_events_of_mine: &'static str,
    pub(crate) draft_step: &'static str,
    pub(crate) in_review_step: &'static str,
    pub(crate) sent_back_step: &'static str,
    pub(crate) published_step: fn(organization: &str) -> String,
}

pub(super) const ENGLISH: EventTexts = EventTexts {
    view: "View",
    list: "List",
    month: "Month",
    filters: "Events",
    search: "Find events",
    find: "Find",
    more_filters: "More filters",
    drop_filters: "Drop filters",
    status: "Status",
    any_status: "Any",
    from: "From",
    to: "To",
    only_mine: "Only mine",
    from_format: "Write the first day like 2026-03-31.",
    to_format: "Write the last day like 2026-03-31.",
    days_reversed: "The last day must not be before the first one.",
    search_too_broad: "This search takes too long. Look for more of the text, or set a status or days.",
    in_progress: "In progress",
    earlier: "Earlier events",
    upcoming: "Upcoming events",
    from_the_beginning: "Back to the beginning of the list",
    invite_others: "Invite others",
    nothing_yet: "Nothing is planned yet. Draft the first event.",
    nothing_upcoming: "Nothing is planned from today on.",
    listed: |words| {
        let what = match (words.status, words.mine) {
            (StatusFilter::Any, false) => "Events of any status",
            (StatusFilter::Any, true) => "Your events",
            (StatusFilter::Only(EventStatus::Approved), false) => "Published events",
            (StatusFilter::Only(EventStatus::Approved), true) => "Your published events",
            (StatusFilter::Only(EventStatus::Draft), false) => "Drafts",
            (StatusFilter::Only(EventStatus::Draft), true) => "Your drafts",
            (StatusFilter::Only(EventStatus::Submitted), false) => "Events in review",
            (StatusFilter::Only(EventStatus::Submitted), true) => "Your events in review",
            (StatusFilter::Only(EventStatus::Rejected), false) => "Events that were sent back",
            (StatusFilter::Only(EventStatus::Rejected), true) => "Your events that were sent back",
        };
        format!("{what}{}{}.", with_search(words.search), in_days(&words.days))
    },
    nothing_listed: |words| {
        let what = match (words.status, words.mine) {
            (StatusFilter::Any, false) => "No event",
            (StatusFilter::Any, true) => "No event of yours",
            (StatusFilter::Only(EventStatus::Approved), false) => "No published event",
            (StatusFilter::Only(EventStatus::Approved), true) => "No published event of yours",
            (StatusFilter::Only(EventStatus::Draft), false) => "No draft",
            (StatusFilter::Only(EventStatus::Draft), true) => "No draft of yours",
            (StatusFilter::Only(EventStatus::Submitted), false) => "No event in review",
            (StatusFilter::Only(EventStatus::Submitted), true) => "No event of yours in review",
            (StatusFilter::Only(EventStatus::Rejected), false) => "No event that was sent back",
            (StatusFilter::Only(EventStatus::Rejected), true) => "No event of yours that was sent back",
        };
        format!("{what}{}{}.", with_search(words.search), in_days(&words.days))
    },

    months: "Months",
    previous_month: |month| format!("Previous: {month}"),
    next_month: |month| format!("Next: {month}"),
    weekdays: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    today: |day| format!("Today, {day}"),
    more: more_events,
    more_on: |count, is_exact, day| format!("{} on {day}", more_events(count, is_exact)),
    nothing_in_month: |month| format!("Nothing begins in {month}."),

    when: "When",
    location: "Where",
    posted_by: "Posted by",
    edit: "Edit",
    copy: "Copy",
    copy_event: "Copy this event",
    delete: "Delete…",
    submit: "Submit for review",
    publish: "Publish",
    send_back: "Send back…",
    changed: |at| format!("Changed {at}"),
    draft_note: "Only you and the moderators see it. Submit it, and a moderator looks at it.",
    unverified_draft_note: "Only you and the moderators see it. Verify your address, then you can submit it.",
    draft_of_other_note: "Its author has not submitted it yet. Only the author and the moderators see it.",
    in_review_note: |since| match since {
        Some(day) => format!("Since {day}. A moderator looks at it; you will get a mail."),
        None => "A moderator looks at it; you will get a mail.".to_owned(),
    },
    to_decide_note: |since, age| match (since, age) {
        (Some(day), Some(age)) => format!("Since {day}: {age}."),
        _ => "It waits for a decision.".to_owned(),
    },
    reason: "What should change:",
    sent_back_note: "Change it, then submit it again.",
    sent_back_to_other_note: "Its author can change it and submit it again.",

    sent_back_group: "Sent back",
    sent_back_group_hint: "They need you",
    drafts_group: "Drafts",
    drafts_group_hint: "Not submitted yet",
    in_review_group_hint: "A moderator looks at them",
    published_group_hint: "Everybody sees them",
    all_of_group: |status| match status {
        EventStatus::Draft => "All drafts",
        EventStatus::Submitted => "All in review",
        EventStatus::Approved => "All published",
        EventStatus::Rejected => "All that were sent back",
    },
    quoted: |reason| format!("“{reason}”"),
    no_events_of_mine: "You have not posted an event yet. It takes four steps:",
    draft_step: "You write it; only you and the moderators see it.",
    in_review_step: "You submit it; a moderator looks at it.",
    sent_back_step: "If something is missing, you get it back with the reason.",
    published_step: |organization| format!("Everybody in {organization} sees it."),
};

fn with_search(search: &str) -> String {
    if search.is_empty() { String::new() } else { format!(" with “{search}”") }
}

fn in_days(days: &DayWords) -> String {
    match days {
        DayWords::Untold => String::new(),
        DayWords::FromToday => " from today on".to_owned(),
        DayWords::BeforeToday => " before today".to_owned(),
        DayWords::From(from) => format!(" from {from} on"),
        DayWords::To(to) => format!(" up to {to}"),
        DayWords::Between(from, to) if from == to => format!(" on {from}"),
        DayWords::Between(from, to) => format!(" from {from} to {to}"),
    }
}

fn more_events(count: u32, is_exact: bool) -> String {
    if is_exact { format!("{count} more") } else { format!("more than {count} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_tells_the_filters() {
        let words = |status, mine, search, days| FilterWords { status, mine, search, days };
        let published = StatusFilter::Only(EventStatus::Approved);
        let days = DayWords::Between("Sun 1 March".to_owned(), "Tue 31 March".to_owned());
        assert_eq!(
            (ENGLISH.listed)(&words(published, false, "open", days)),
            "Published events with “open” from Sun 1 March to Tue 31 March."
        );
        assert_eq!(
            (ENGLISH.nothing_listed)(&words(StatusFilter::Any, true, "", DayWords::FromToday)),
            "No event of yours from today on."
        );
    }
}
