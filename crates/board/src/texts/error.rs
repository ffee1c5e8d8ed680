//! What error pages say.

/// What error pages say.
#[derive(Debug)]
pub(crate) struct ErrorTexts {
    pub(crate) not_found: &'static str,
    pub(crate) not_found_help: &'static str,
    pub(crate) forbidden: &'static str,
    pub(crate) cross_site: &'static str,
    /// For a form that was shown to another user.
    pub(crate) other_member: &'static str,
    pub(crate) too_many_requests: &'static str,
    pub(crate) too_many_requests_help: fn(seconds: u64) -> String,
    pub(crate) unavailable: &'static str,
    pub(crate) unavailable_help: &'static str,
    pub(crate) timeout: &'static str,
    pub(crate) timeout_help: &'static str,
    pub(crate) stale: &'static str,
    pub(crate) stale_help: &'static str,
    pub(crate) refused: &'static str,
    pub(crate) internal: &'static str,
    pub(crate) internal_help: &'static str,
    /// Said where something was typed, which a button sends again.
    pub(crate) typed_is_kept: &'static str,
    pub(crate) try_again: &'static str,
    pub(crate) back_to_form: &'static str,
    pub(crate) to_events: &'static str,
    pub(crate) reload: &'static str,
    /// Before the correlation ID.
    pub(crate) quote_this: &'static str,
    pub(crate) session_ended: &'static str,
    pub(crate) session_ended_help: &'static str,
}

pub(super) const ENGLISH: ErrorTexts = ErrorTexts {
    not_found: "There is nothing here",
    not_found_help: "The address may be wrong, or what was here has been deleted, or it is not for you to see.",
    forbidden: "You cannot do this",
    cross_site: "This form came from another site, so it was not accepted. Nothing was changed.",
    other_member: "Somebody else signed in to this browser after the form was opened, so it was not sent. Nothing was changed.",
    too_many_requests: "Too much at once",
    too_many_requests_help: |seconds| match seconds {
        0..=1 => "Nothing was changed. Wait a second, then try again.".to_owned(),
        2..=90 => format!("Nothing was changed. Wait {seconds} seconds, then try again."),
        _ => format!("Nothing was changed. Wait {} minutes, then try again.", seconds.div_ceil(60)),
    },
    unavailable: "EventBoard is not available right now",
    unavailable_help: "What is saved is safe. It usually takes less than a minute.",
    timeout: "This took too long",
    timeout_help: "It may have worked nevertheless. Trying again does no harm: nothing is done twice.",
    stale: "Somebody else was faster",
    stale_help: "It has changed since you opened the page. Look at it as it is now, then decide.",
    refused: "This is not possible now",
    internal: "Something broke on our side",
    internal_help: "What is saved is safe. We have a record of what happened.",
    typed_is_kept: "What you typed is kept on this page.",
    try_again: "Try again",
    back_to_form: "Back to the form",
    to_events: "Go to the events",
    reload: "Look at it again",
    quote_this: "Quote this when you ask for help:",
    session_ended: "Your session has ended",
    session_ended_help: "Sign in to go on.",
};
