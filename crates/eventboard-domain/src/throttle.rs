//! The throttle of password checks: how many wrong passwords an account takes.
//!
//! Every check counts as a wrong password before the password is hashed, and is given back if the password was right. So any
//! number of parallel guesses gets no more hashes than guesses one after the other. Accounts that do not exist are throttled in
//! the same way.

use std::time::Duration;

use crate::Refusal;

/// The wrong passwords from one block of addresses after which it is locked.
const MAX_ADDRESS_FAILURES: i32 = 10;

/// The time in which they are counted. It begins with the first one.
const ADDRESS_WINDOW: Duration = minutes(15);

/// The first lock. Each further wrong password doubles it.
const FIRST_LOCK: Duration = minutes(1);

/// The longest lock.
const MAX_LOCK: Duration = minutes(15);

/// How long after its end a lock makes the next one longer.
const LOCK_MEMORY: Duration = minutes(15);

/// The wrong passwords from everywhere after which only known addresses may try.
const MAX_ACCOUNT_FAILURES: i32 = 100;

/// The time in which they are counted. It begins with the first one.
const ACCOUNT_WINDOW: Duration = minutes(60);

/// The most blocks of addresses that are known of a user: those of the last logins.
pub const MAX_KNOWN_ADDRESSES: i64 = 20;

/// How long a block of addresses stays known after a login.
pub const KNOWN_ADDRESS_DAYS: i32 = 90;

/// The wrong passwords for an account from one block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressFailures {
    /// How many there were since the window began.
    pub failures: i32,
    /// How long ago the window began.
    pub age: Duration,
    /// The last lock, in force or ended.
    pub lock: Option<Lock>,
}

/// A lock of a block of addresses for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    /// The number of locks in a row up to this one.
    pub number: i32,
    /// Whether it has ended.
    pub phase: LockPhase,
}

/// Whether a lock has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockPhase {
    /// It is in force.
    Active {
        /// The time until it ends.
        left: Duration,
    },
    /// It has ended.
    Ended {
        /// The time since then.
        ago: Duration,
    },
}

/// What to store when one more check counts against a block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressCount {
    /// The wrong passwords in the window, with this one.
    pub failures: i32,
    /// Whether the window begins now.
    pub begins_window: bool,
    /// The number of locks in a row, with the new one. 0: none.
    pub locks: i32,
    /// How long the new lock lasts. `None`: there is no new lock.
    pub lock: Option<Duration>,
}

/// The wrong passwords for an account from everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountFailures {
    /// How many there were since the window began.
    pub failures: i32,
    /// How long ago the window began.
    pub age: Duration,
}

/// What to store when one more check counts against an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountCount {
    /// The wrong passwords in the window, with this one.
    pub failures: i32,
    /// Whether the window begins now.
    pub begins_window: bool,
}

impl AddressFailures {
    /// Counts one more check as wrong.
    ///
    /// # Errors
    /// `Throttled` while a lock is in force.
    pub fn count(self) -> Result<AddressCount, Refusal> {
        let Self { failures, age, lock } = self;
        let locks_before = match lock {
            Some(Lock { number: _, phase: LockPhase::Active { left } }) => {
                return Err(Refusal::Throttled { retry_after: left });
            }
            Some(Lock { number, phase: LockPhase::Ended { ago } }) if ago < LOCK_MEMORY => number,
            Some(Lock { number: _, phase: LockPhase::Ended { ago: _ } }) => return Ok(AddressCount::FIRST),
            None => 0,
        };
        if locks_before == 0 && (failures == 0 || age >= ADDRESS_WINDOW) {
            return Ok(AddressCount::FIRST);
        }
        let failures = failures.saturating_add(1);
        let is_locked = locks_before > 0 || failures >= MAX_ADDRESS_FAILURES;
        let locks = locks_before.saturating_add(i32::from(is_locked));
        let lock = is_locked.then(|| lock_duration(locks));
        Ok(AddressCount { failures, begins_window: false, locks, lock })
    }
}

impl AddressCount {
    const FIRST: Self = Self { failures: 1, begins_window: true, locks: 0, lock: None };
}

impl AccountFailures {
    /// Counts one more check as wrong.
    ///
    /// # Errors
    /// `Throttled` if there were too many, unless the user has logged in from this address before.
    pub fn count(self, is_known_address: bool) -> Result<AccountCount, Refusal> {
        let Self { failures, age } = self;
        match ACCOUNT_WINDOW.checked_sub(age) {
            Some(retry_after)
                if failures >= MAX_ACCOUNT_FAILURES && !retry_after.is_zero() && !is_known_address =>
            {
                Err(Refusal::Throttled { retry_after })
            }
            Some(left) if failures > 0 && !left.is_zero() => {
                Ok(AccountCount { failures: failures.saturating_add(1), begins_window: false })
            }
            Some(_) | None => Ok(AccountCount { failures: 1, begins_window: true }),
        }
    }
}

/// How long the lock with this number in a row lasts.
fn lock_duration(number: i32) -> Duration {
    let doublings = u32::try_from(number.saturating_sub(1)).unwrap_or_default();
    let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
    FIRST_LOCK.saturating_mul(factor).min(MAX_LOCK)
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const DAY: Duration = minutes(24 * 60);

    /// The counter of a block of addresses, with a clock, as the store keeps it.
    #[derive(Debug, Default)]
    struct Counter {
        now: Duration,
        failures: i32,
        window_start: Duration,
        locks: i32,
        locked_until: Duration,
    }

    impl Counter {
        fn state(&self) -> AddressFailures {
            let phase = match self.locked_until.checked_sub(self.now) {
                Some(left) if !left.is_zero() => LockPhase::Active { left },
                _ => LockPhase::Ended { ago: self.now - self.locked_until },
            };
            let lock = (self.locks > 0).then_some(Lock { number: self.locks, phase });
            AddressFailures { failures: self.failures, age: self.now - self.window_start, lock }
        }

        /// Guesses. Returns the wait if the guess is refused.
        fn guess(&mut self) -> Result<(), Duration> {
            match self.state().count() {
                Ok(AddressCount { failures, begins_window, locks, lock }) => {
                    (self.failures, self.locks) = (failures, locks);
                    if begins_window {
                        self.window_start = self.now;
                    }
                    if let Some(lock) = lock {
                        self.locked_until = self.now + lock;
                    }
                    Ok(())
                }
                Err(Refusal::Throttled { retry_after }) => Err(retry_after),
                Err(other) => panic!("{other}"),
            }
        }
    }

    #[test]
    fn the_eleventh_guess_is_the_first_that_is_refused_and_the_locks_double_to_fifteen_minutes() {
        let mut counter = Counter::default();
        for _ in 0..10 {
            assert_eq!(counter.guess(), Ok(()));
        }
        for lock in [1, 2, 4, 8, 15, 15, 15] {
            assert_eq!(counter.guess(), Err(minutes(lock)));
            counter.now += minutes(lock) - SECOND;
            assert_eq!(counter.guess(), Err(SECOND), "a refused guess does not lengthen the lock");
            counter.now += SECOND;
            assert_eq!(counter.guess(), Ok(()), "one guess after each lock");
        }
    }

    #[test]
    fn a_lock_is_forgotten_fifteen_minutes_after_its_end() {
        for (waited, guesses_left) in [(minutes(15) - SECOND, 1), (minutes(15), 10)] {
            let mut counter = Counter::default();
            while counter.guess().is_ok() {}
            counter.now += minutes(1) + waited;
            let guesses = (0..20).take_while(|_| counter.guess().is_ok()).count();
            assert_eq!(guesses, guesses_left, "{waited:?}");
        }
    }

    #[test]
    fn wrong_passwords_are_counted_for_fifteen_minutes_from_the_first_one() {
        let next = |failures, seconds| {
            AddressFailures { failures, age: Duration::from_secs(seconds), lock: None }.count()
        };
        let counted =
            |failures, locks, lock| Ok(AddressCount { failures, begins_window: false, locks, lock });
        assert_eq!(next(0, 0), Ok(AddressCount::FIRST));
        assert_eq!(next(0, 60), Ok(AddressCount::FIRST), "an empty counter has no window");
        assert_eq!(next(1, 899), counted(2, 0, None));
        assert_eq!(next(8, 899), counted(9, 0, None));
        assert_eq!(next(9, 899), counted(10, 1, Some(minutes(1))));
        assert_eq!(next(9, 900), Ok(AddressCount::FIRST));
    }

    #[test]
    fn after_a_hundred_wrong_passwords_in_an_hour_only_known_addresses_may_try() {
        let next = |failures, seconds, is_known| {
            AccountFailures { failures, age: Duration::from_secs(seconds) }.count(is_known)
        };
        let counted = |failures| Ok(AccountCount { failures, begins_window: false });
        let first = Ok(AccountCount { failures: 1, begins_window: true });
        assert_eq!(next(0, 60, false), first);
        assert_eq!(next(1, 0, false), counted(2));
        assert_eq!(next(99, 3599, false), counted(100));
        assert_eq!(next(100, 3599, false), Err(Refusal::Throttled { retry_after: SECOND }));
        assert_eq!(next(100, 3599, true), counted(101));
        assert_eq!(next(i32::MAX, 0, true), counted(i32::MAX));
        assert_eq!(next(100, 3600, false), first);
        assert_eq!(next(100, 3600, true), first);
    }

    #[test]
    fn the_longest_row_of_locks_does_not_overflow() {
        let lock = Some(Lock { number: i32::MAX, phase: LockPhase::Ended { ago: SECOND } });
        let counted = AddressFailures { failures: i32::MAX, age: DAY, lock }.count().expect("a guess");
        assert_eq!((counted.locks, counted.lock), (i32::MAX, Some(MAX_LOCK)));
    }

    proptest! {
        #[test]
        fn no_pace_of_guesses_gets_more_than_22_in_fifteen_minutes_or_920_in_a_day(
            waits in vec(prop_oneof![6 => Just(0_u64), 1 => 0_u64..120, 1 => Just(899), 1 => 0_u64..2000], 1..2000),
            is_patient in any::<bool>(),
        ) {
            let mut counter = Counter::default();
            let mut guesses: Vec<Duration> = Vec::new();
            for wait in waits {
                counter.now += Duration::from_secs(wait);
                match counter.guess() {
                    Ok(()) => guesses.push(counter.now),
                    // Waits as long as it is told, or until the lock is forgotten.
                    Err(retry_after) => counter.now += retry_after + if is_patient { LOCK_MEMORY } else { Duration::ZERO },
                }
            }
            let most = |within: Duration| {
                let ends = guesses.iter().map(|start| guesses.partition_point(|guess| *guess < *start + within));
                ends.enumerate().map(|(start, end)| end - start).max().unwrap_or_default()
            };
            // Nine at the end of a window, ten at the beginning of the next one, and three after its first locks.
            prop_assert!(most(ADDRESS_WINDOW) <= 22);
            // Ten in each sixteen minutes, if every lock is forgotten, and what the day begins in the middle of.
            prop_assert!(most(DAY) <= 920);
        }

        #[test]
        fn whoever_waits_as_told_may_try(waits in vec(0_u64..2000, 0..200)) {
            let mut counter = Counter::default();
            for wait in waits {
                counter.now += Duration::from_secs(wait);
                if let Err(retry_after) = counter.guess() {
                    prop_assert!(retry_after <= MAX_LOCK);
                    counter.now += retry_after;
                    prop_assert_eq!(counter.guess(), Ok(()));
                }
            }
        }
    }
}
