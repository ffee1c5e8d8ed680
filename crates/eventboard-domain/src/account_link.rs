//! Links in mails with which a user does something once.

use std::time::Duration;

/// How long the link to reset a password works.
pub const PASSWORD_RESET_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The most mails with a link that a user gets because somebody asked for them: in an hour, and in a day.
const MAX_LINKS_AN_HOUR: i64 = 3;
const MAX_LINKS_A_DAY: i64 = 10;

/// The mails with a link that a user has got because somebody asked for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestedLinks {
    /// In the last hour.
    pub last_hour: i64,
    /// In the last day.
    pub last_day: i64,
}

impl RequestedLinks {
    /// Whether the user gets another one. Otherwise anybody could fill their mailbox.
    pub fn allow_another(self) -> bool {
        let Self { last_hour, last_day } = self;
        last_hour < MAX_LINKS_AN_HOUR && last_day < MAX_LINKS_A_DAY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_gets_three_in_an_hour_and_ten_in_a_day() {
        let allows = |last_hour, last_day| RequestedLinks { last_hour, last_day }.allow_another();
        assert!(allows(0, 0) && allows(2, 9));
        assert!(!allows(3, 3) && !allows(0, 10));
    }
}
