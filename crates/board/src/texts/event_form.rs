//! The texts of writing an event.

/// The texts of writing an event.
#[derive(Debug)]
pub(crate) struct EventFormTexts {
    pub(crate) edit: &'static str,
    pub(crate) new_intro: &'static str,
    pub(crate) copy_of: fn(title: &str) -> String,
    /// The copy of an event that has begun: its times are left out.
    pub(crate) copy_of_past: fn(title: &str) -> String,
    pub(crate) title: &'static str,
    pub(crate) title_missing: &'static str,
    pub(crate) description: &'static str,
    pub(crate) description_hint: &'static str,
    pub(crate) description_missing: &'static str,
    pub(crate) start: &'static str,
    pub(crate) start_missing: &'static str,
    pub(crate) end: &'static str,
    pub(crate) end_missing: &'static str,
    pub(crate) end_after_start: fn(start: &str) -> String,
    pub(crate) time_malformed: &'static str,
    pub(crate) time_skipped: fn(day: &str, time: &str) -> String,
    /// In which zone the times are; the name is one of the IANA database.
    pub(crate) zone: fn(zone: &str) -> String,
    pub(crate) location: &'static str,
    pub(crate) location_hint: &'static str,
    /// What sentences call the location.
    pub(crate) the_place: &'static str,
    pub(crate) when: &'static str,
    pub(crate) posted_by: &'static str,
    pub(crate) not_told_yet: &'static str,
    pub(crate) no_title_yet: &'static str,
    pub(crate) save_draft: &'static str,
    pub(crate) submit: &'static str,
    pub(crate) preview: &'static str,
    pub(crate) preview_help: &'static str,
    pub(crate) back_to_editing: &'static str,
    pub(crate) stale: &'static str,
    pub(crate) stale_help: &'static str,
    pub(crate) stored_now: &'static str,
    pub(crate) their_description: &'static str,
    pub(crate) changed_at: fn(time: &str) -> String,
    pub(crate) keep_mine: &'static str,
    pub(crate) look_at_theirs: &'static str,
    pub(crate) sent_before: &'static str,
    pub(crate) sent_before_help: &'static str,
    pub(crate) not_yours: &'static str,
    /// With the status that the event has now.
    pub(crate) not_yours_help: fn(status: &str) -> String,
    pub(crate) deleted: &'static str,
    pub(crate) deleted_help: &'static str,
    pub(crate) full: &'static str,
}

pub(super) const ENGLISH: EventFormTexts = EventFormTexts {
    edit: "Edit event",
    new_intro: "Save a draft that only you and the moderators see, or submit it: a moderator looks at it before others see it.",
    copy_of: |title| format!("A copy of “{title}”. Change what is different this time."),
    copy_of_past: |title| {
        format!(
            "A copy of “{title}”, without its dates, because they are over. Enter when it takes place this time."
        )
    },
    title: "Title",
    title_missing: "Enter a title.",
    description: "Description",
    description_hint: "Plain text. A blank line starts a paragraph; addresses become links.",
    description_missing: "Enter a description.",
    start: "Start",
    start_missing: "Enter when it starts.",
    end: "End",
    end_missing: "Enter when it ends.",
    end_after_start: |start| format!("End must be after the start, {start}."),
    time_malformed: "Enter a day and a time like this: 2026-03-03T10:00.",
    time_skipped: |day, time| {
        format!("There is no {time} on {day}: the clocks go forward over it. Enter another time.")
    },
    zone: |zone| match zone.rsplit_once('/') {
        Some((_, city)) => format!("Times are in {} ({zone}).", city.replace('_', " ")),
        None => format!("Times are in {zone}."),
    },
    location: "Where",
    location_hint: "A room, an address or a link.",
    the_place: "The place",
    when: "When",
    posted_by: "Posted by",
    not_told_yet: "Not entered yet",
    no_title_yet: "No title yet",
    save_draft: "Save draft",
    submit: "Submit for review",
    preview: "Preview",
    preview_help: "This is a preview. Nothing is saved yet.",
    back_to_editing: "Back to editing",
    stale: "The event changed while you were editing",
    stale_help: "What you typed is still here. Keep yours to replace what is stored now, or look at theirs first.",
    stored_now: "Stored now",
    their_description: "The description that is stored now",
    changed_at: |time| format!("Changed {time}"),
    keep_mine: "Keep mine",
    look_at_theirs: "Look at theirs in a new tab",
    sent_before: "You have sent this form before",
    sent_before_help: "It made an event then, and you have changed it since. Send it again to make another event, or change the first one \
        under My events.",
    not_yours: "You cannot change this event now",
    not_yours_help: |status| {
        format!(
            "Its status is “{status}”. Authors can change their drafts and what was sent back; moderators can change everything. \
            What you typed is still here: copy what you need."
        )
    },
    deleted: "The event was deleted meanwhile",
    deleted_help: "What you typed is still here. Save it to make a new event of it.",
    full: "There is no room for it",
};
