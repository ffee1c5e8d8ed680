//! How many retries there may be in all, so that they cannot multiply an overload.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// What was called and retried within this time counts.
const WINDOW: Duration = Duration::from_secs(10);

/// The parts in which the window moves on.
const SLOTS: usize = 10;

/// Retries are allowed for a share of the answered calls of the last ten seconds, and for some each second in any case.
#[derive(Debug)]
pub(crate) struct Budget {
    share: f64,
    /// Retries of a whole window that are always allowed.
    reserve: f64,
    began: Instant,
    slots: Mutex<[Slot; SLOTS]>,
}

/// What happened within one part of the window.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Which part since the beginning.
    part: u64,
    calls: u32,
    retries: u32,
}

impl Budget {
    /// A budget of `share` (0 to 1) of the calls and `min_per_second` retries each second.
    pub(crate) fn new(share: f32, min_per_second: u32) -> Self {
        Self {
            share: share.into(),
            reserve: f64::from(min_per_second) * WINDOW.as_secs_f64(),
            began: Instant::now(),
            slots: Mutex::default(),
        }
    }

    /// A call was answered.
    pub(crate) fn deposit(&self) {
        let part = self.part();
        self.slots()[index(part)].at(part).calls += 1;
    }

    /// Takes a retry out of the budget, if there is one.
    pub(crate) fn withdraw(&self) -> bool {
        let part = self.part();
        let mut slots = self.slots();
        let allowed = self.left_of(&slots, part) >= 1.0;
        if allowed {
            slots[index(part)].at(part).retries += 1;
        }
        allowed
    }

    /// Retries that there is room for at the moment.
    pub(crate) fn left(&self) -> f64 {
        self.left_of(&self.slots(), self.part()).floor()
    }

    fn left_of(&self, slots: &[Slot; SLOTS], part: u64) -> f64 {
        let recent = slots.iter().filter(|slot| slot.part + SLOTS as u64 > part);
        let (calls, retries) =
            recent.fold((0, 0), |(calls, retries), slot| (calls + slot.calls, retries + slot.retries));
        // Rounded, because 0.2 is a little more than a fifth.
        let allowed = (self.share * f64::from(calls) * 1e6).round() / 1e6 + self.reserve;
        (allowed - f64::from(retries)).max(0.0)
    }

    fn part(&self) -> u64 {
        let parts = self.began.elapsed().as_millis() / (WINDOW.as_millis() / SLOTS as u128);
        u64::try_from(parts).unwrap_or(u64::MAX)
    }

    fn slots(&self) -> MutexGuard<'_, [Slot; SLOTS]> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// This slot for that part; what it held for an earlier one is over.
    fn at(&mut self, part: u64) -> &mut Self {
        if self.part != part {
            *self = Self { part, ..Self::default() };
        }
        self
    }
}

fn index(part: u64) -> usize {
    (part % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn granted(budget: &Budget) -> usize {
        (0..1000).take_while(|_| budget.withdraw()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_of_the_calls_and_some_in_any_case_may_be_retried() {
        let budget = Budget::new(0.2, 1);
        for _ in 0..50 {
            budget.deposit();
        }
        assert_eq!(budget.left(), 20.0);
        assert_eq!(granted(&budget), 20);
        assert_eq!(budget.left(), 0.0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_ten_seconds_ago_no_longer_counts() {
        let budget = Budget::new(0.2, 0);
        for _ in 0..50 {
            budget.deposit();
        }
        tokio::time::advance(Duration::from_millis(9_900)).await;
        assert_eq!(granted(&budget), 10);
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(granted(&budget), 0);
        budget.deposit();
        tokio::time::advance(WINDOW * 3).await;
        assert_eq!(budget.left(), 0.0);
    }

    #[tokio::test(start_paused = true)]
    async fn retries_are_forgotten_as_calls_are() {
        let budget = Budget::new(0.0, 1);
        assert_eq!(granted(&budget), 10);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(granted(&budget), 0);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(granted(&budget), 10);
    }

    proptest! {
        #[test]
        fn never_more_than_the_share_and_the_reserve_within_a_window(
            share in 0.0f32..=1.0, min in 0u32..5, calls in 0u32..200,
        ) {
            let budget = Budget::new(share, min);
            for _ in 0..calls {
                budget.deposit();
            }
            let bound = f64::from(share) * f64::from(calls) + f64::from(min) * 10.0;
            let granted = granted(&budget) as f64;
            prop_assert!(granted <= bound + 1e-3 && granted > bound - 1.0 - 1e-3, "{granted} of {bound}");
        }
    }
}
