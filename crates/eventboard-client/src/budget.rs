//! The retry budget: a shared limit for all retries to one service, so that retries cannot amplify an overload.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Only calls and retries within this time count.
const WINDOW: Duration = Duration::from_secs(10);

/// The number of intervals in the window. The window moves forward by one interval at a time.
const SLOTS: usize = 10;

/// Allows retries as a ratio of the calls that were answered in the last ten seconds, plus a minimum each second.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    ratio: f64,
    /// Retries that are always allowed within a whole window.
    reserve: f64,
    started: Instant,
    slots: Mutex<[Slot; SLOTS]>,
}

/// The counts of one interval of the window.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// The number of the interval since the budget was created.
    interval: u64,
    calls: u32,
    retries: u32,
}

impl RetryBudget {
    /// Creates a budget of `ratio` (0 to 1) of the calls plus `min_per_second` retries each second.
    pub(crate) fn new(ratio: f32, min_per_second: u32) -> Self {
        Self {
            ratio: ratio.into(),
            reserve: f64::from(min_per_second) * WINDOW.as_secs_f64(),
            started: Instant::now(),
            slots: Mutex::default(),
        }
    }

    /// Counts an answered call.
    pub(crate) fn deposit(&self) {
        let interval = self.current_interval();
        self.slots()[slot_index(interval)].for_interval(interval).calls += 1;
    }

    /// Takes a retry from the budget. Returns false when none remains.
    pub(crate) fn withdraw(&self) -> bool {
        let interval = self.current_interval();
        let mut slots = self.slots();
        let is_allowed = self.remaining_in(&slots, interval) >= 1.0;
        if is_allowed {
            slots[slot_index(interval)].for_interval(interval).retries += 1;
        }
        is_allowed
    }

    /// The number of retries that are allowed now.
    pub(crate) fn remaining(&self) -> f64 {
        self.remaining_in(&self.slots(), self.current_interval()).floor()
    }

    fn remaining_in(&self, slots: &[Slot; SLOTS], interval: u64) -> f64 {
        let recent = slots.iter().filter(|slot| slot.interval + SLOTS as u64 > interval);
        let (calls, retries) =
            recent.fold((0, 0), |(calls, retries), slot| (calls + slot.calls, retries + slot.retries));
        // Rounded, because 0.2 as `f32` is a little more than a fifth.
        let allowed = (self.ratio * f64::from(calls) * 1e6).round() / 1e6 + self.reserve;
        (allowed - f64::from(retries)).max(0.0)
    }

    fn current_interval(&self) -> u64 {
        let intervals = self.started.elapsed().as_millis() / (WINDOW.as_millis() / SLOTS as u128);
        u64::try_from(intervals).unwrap_or(u64::MAX)
    }

    fn slots(&self) -> MutexGuard<'_, [Slot; SLOTS]> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Returns the slot for this interval. Resets it when it still holds the counts of an earlier one.
    fn for_interval(&mut self, interval: u64) -> &mut Self {
        if self.interval != interval {
            *self = Self { interval, ..Self::default() };
        }
        self
    }
}

fn slot_index(interval: u64) -> usize {
    (interval % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn withdraw_all(budget: &RetryBudget) -> usize {
        (0..1000).take_while(|_| budget.withdraw()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_is_a_ratio_of_the_calls_plus_a_minimum() {
        let budget = RetryBudget::new(0.2, 1);
        for _ in 0..50 {
            budget.deposit();
        }
        assert_eq!(budget.remaining(), 20.0);
        assert_eq!(withdraw_all(&budget), 20);
        assert_eq!(budget.remaining(), 0.0);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_expire_after_ten_seconds() {
        let budget = RetryBudget::new(0.2, 0);
        for _ in 0..50 {
            budget.deposit();
        }
        tokio::time::advance(Duration::from_millis(9_900)).await;
        assert_eq!(withdraw_all(&budget), 10);
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(withdraw_all(&budget), 0);
        budget.deposit();
        tokio::time::advance(WINDOW * 3).await;
        assert_eq!(budget.remaining(), 0.0);
    }

    #[tokio::test(start_paused = true)]
    async fn retries_expire_after_ten_seconds() {
        let budget = RetryBudget::new(0.0, 1);
        assert_eq!(withdraw_all(&budget), 10);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(withdraw_all(&budget), 0);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(withdraw_all(&budget), 10);
    }

    proptest! {
        #[test]
        fn retries_never_exceed_the_ratio_and_the_reserve_within_a_window(
            ratio in 0.0f32..=1.0, min in 0u32..5, calls in 0u32..200,
        ) {
            let budget = RetryBudget::new(ratio, min);
            for _ in 0..calls {
                budget.deposit();
            }
            let bound = f64::from(ratio) * f64::from(calls) + f64::from(min) * 10.0;
            let granted = withdraw_all(&budget) as f64;
            prop_assert!(granted <= bound + 1e-3 && granted > bound - 1.0 - 1e-3, "{granted} of {bound}");
        }
    }
}
