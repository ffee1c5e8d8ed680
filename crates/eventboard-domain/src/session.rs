//! Sessions: what a refresh token is worth.

use std::time::Duration;

use crate::Refusal;

/// The most sessions that a user has. One more ends the session that was not used for the longest time.
pub const MAX_SESSIONS: i64 = 50;

/// How often the tokens of a session are refreshed in a [`REFRESH_WINDOW`] at most.
const MAX_REFRESHES: i32 = 60;

/// The time in which the refreshes of a session are counted. It begins with the first one.
const REFRESH_WINDOW: Duration = Duration::from_secs(60 * 60);

/// The refreshes of a session that count now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshCount {
    /// How many there were since the window began.
    pub refreshes: i32,
    /// How long ago the window began.
    pub age: Duration,
}

impl RefreshCount {
    /// Counts one more. The result is 1 if a window begins with it.
    ///
    /// # Errors
    /// `Throttled` if there were too many.
    pub fn next(self) -> Result<i32, Refusal> {
        let Self { refreshes, age } = self;
        match REFRESH_WINDOW.checked_sub(age) {
            None | Some(Duration::ZERO) => Ok(1),
            Some(retry_after) if refreshes >= MAX_REFRESHES => Err(Refusal::Throttled { retry_after }),
            Some(_) => Ok(refreshes.saturating_add(1)),
        }
    }
}

/// A session that has not ended, when one of its refresh tokens is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionState {
    /// The current generation.
    pub generation: i32,
    /// How long ago an access token of the current generation was first seen. `None`: never.
    pub seen: Option<Duration>,
}

/// What a genuine refresh token gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// The tokens of the next generation.
    Next,
    /// The current tokens again. The answer that had them was lost, or two requests presented the same token.
    Current,
    /// The session ends, because somebody uses a token that its owner has replaced.
    Reused,
    /// Nothing. No such token was ever issued.
    Unknown,
}

impl SessionState {
    /// Decides about a token of this generation.
    ///
    /// The generation before the current one gets the current tokens until these have been seen in use, and for `grace`
    /// afterwards. So a lost answer, a second tab and a retry lose nobody, but a thief and the owner cannot both go on.
    pub fn refresh(&self, presented: i32, grace: Duration) -> RefreshOutcome {
        let Self { generation, seen } = *self;
        match generation.checked_sub(presented) {
            Some(0) => RefreshOutcome::Next,
            Some(1) if seen.is_none_or(|seen| seen < grace) => RefreshOutcome::Current,
            Some(1..) => RefreshOutcome::Reused,
            Some(..0) | None => RefreshOutcome::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(10);

    #[test]
    fn a_session_is_refreshed_sixty_times_an_hour_at_most() {
        let next = |refreshes, seconds| RefreshCount { refreshes, age: Duration::from_secs(seconds) }.next();
        assert_eq!(next(0, 0), Ok(1));
        assert_eq!(next(59, 3599), Ok(60));
        assert_eq!(next(60, 3599), Err(Refusal::Throttled { retry_after: Duration::from_secs(1) }));
        assert_eq!(next(60, 3600), Ok(1));
        assert_eq!(next(1, u64::MAX), Ok(1));
    }

    #[test]
    fn a_token_is_worth_what_its_generation_and_the_use_of_the_current_one_say() {
        let (in_grace, after_grace) = (Some(Duration::from_secs(9)), Some(GRACE));
        for (presented, seen, outcome) in [
            (5, None, RefreshOutcome::Next),
            (5, after_grace, RefreshOutcome::Next),
            (4, None, RefreshOutcome::Current),
            (4, in_grace, RefreshOutcome::Current),
            (4, after_grace, RefreshOutcome::Reused),
            (3, None, RefreshOutcome::Reused),
            (3, in_grace, RefreshOutcome::Reused),
            (1, None, RefreshOutcome::Reused),
            (6, None, RefreshOutcome::Unknown),
            (i32::MAX, None, RefreshOutcome::Unknown),
            (i32::MIN, None, RefreshOutcome::Unknown),
        ] {
            let session = SessionState { generation: 5, seen };
            assert_eq!(session.refresh(presented, GRACE), outcome, "{presented} {seen:?}");
        }
    }
}
