//! What a page shows about the length of its list. A total that was counted earlier, or in another statement, may
//! contradict it.

use std::ops::RangeInclusive;

use crate::listing::{MAX_EXACT_TOTAL, PageStart};

/// The numbers of rows that a list may have, as its page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShownLength(RangeInclusive<u64>);

/// The number of rows in a list. A count stops at a limit above [`MAX_EXACT_TOTAL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Total {
    /// This many, or at least as many if the number is above [`MAX_EXACT_TOTAL`].
    Exactly(u64),
    /// This many or more.
    AtLeast(u64),
}

impl ShownLength {
    /// The length that a page with this many rows shows.
    pub(super) fn new(start: &PageStart, rows: u64, has_next: bool) -> Self {
        let shown = rows + u64::from(has_next);
        Self(match start {
            PageStart::Offset(offset) if rows == 0 => 0..=*offset,
            PageStart::Offset(offset) if has_next => offset + shown..=u64::MAX,
            PageStart::Offset(offset) => offset + rows..=offset + rows,
            // Nobody knows how many rows are before a cursor.
            PageStart::After(_) => shown..=u64::MAX,
        })
    }

    /// The exact length, if the page shows it.
    pub(super) fn exact(&self) -> Option<u64> {
        (self.0.start() == self.0.end()).then_some(*self.0.start())
    }

    /// The total that does not contradict the page.
    pub(super) fn correct(&self, counted: Total) -> Total {
        let clamp = |rows: u64| rows.clamp(*self.0.start(), *self.0.end());
        match counted {
            _ if self.0.start() == self.0.end() => Total::Exactly(*self.0.start()),
            Total::Exactly(rows) => Total::Exactly(clamp(rows)),
            Total::AtLeast(rows) => Total::AtLeast(clamp(rows)),
        }
    }
}

impl Total {
    /// The number for the caller, at most [`MAX_EXACT_TOTAL`].
    pub(super) fn reported(self) -> u32 {
        let (Self::Exactly(rows) | Self::AtLeast(rows)) = self;
        u32::try_from(rows).unwrap_or(u32::MAX).min(MAX_EXACT_TOTAL)
    }

    /// Whether the reported number is exact.
    pub(super) fn is_exact(self) -> bool {
        match self {
            Self::Exactly(rows) => rows <= u64::from(MAX_EXACT_TOTAL),
            Self::AtLeast(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::listing::RowPosition;

    fn after() -> PageStart {
        PageStart::After(RowPosition { sort_key: String::new(), id: Uuid::nil() })
    }

    #[test]
    fn a_page_corrects_a_total_that_contradicts_it() {
        let offset = PageStart::Offset;
        for (start, rows, has_next, counted, total, is_exact) in [
            (offset(0), 0, false, 11_000, 0, true),
            (offset(0), 5, false, 11_000, 5, true),
            (offset(0), 5, false, 3, 5, true),
            (offset(0), 5, true, 5, 6, true),
            (offset(0), 5, true, 700, 700, true),
            (offset(20), 0, false, 11_000, 20, true),
            (offset(20), 0, false, 7, 7, true),
            (offset(9_990), 10, false, 11_000, 10_000, true),
            (offset(9_990), 10, true, 10_000, 10_000, false),
            (offset(9_990), 11, false, 9_000, 10_000, false),
            (offset(50_000), 10, true, 11_000, 10_000, false),
            (offset(50_000), 0, false, 11_000, 10_000, false),
            (after(), 0, false, 0, 0, true),
            (after(), 5, false, 3, 5, true),
            (after(), 5, true, 3, 6, true),
            (after(), 5, true, 11_000, 10_000, false),
        ] {
            let corrected = ShownLength::new(&start, rows, has_next).correct(Total::Exactly(counted));
            let case = format!("{start:?}, {rows}, {has_next}, {counted}");
            assert_eq!((corrected.reported(), corrected.is_exact()), (total, is_exact), "{case}");
        }
    }

    proptest! {
        #[test]
        fn no_total_contradicts_its_page(
            length in prop_oneof![0u64..300, 9_800u64..10_300, 0u64..60_000],
            counted in prop_oneof![0u64..300, Just(11_000u64), 0u64..11_000],
            offset in prop_oneof![0u64..300, 9_800u64..10_300, 0u64..60_000],
            limit in 1u64..=100,
        ) {
            let rest = length.saturating_sub(offset);
            let (rows, has_next) = (rest.min(limit), rest > limit);
            let shown = ShownLength::new(&PageStart::Offset(offset), rows, has_next);
            let total = shown.correct(Total::Exactly(counted));
            let (reported, end) = (u64::from(total.reported()), offset + rows);
            if total.is_exact() {
                prop_assert!(rows == 0 || reported >= end);
                prop_assert_eq!(has_next, rows > 0 && reported > end);
                prop_assert!(rows > 0 || reported <= offset);
            } else {
                prop_assert_eq!(reported, u64::from(MAX_EXACT_TOTAL));
                prop_assert!(has_next || end > reported);
            }
            prop_assert!(shown.exact().is_none_or(|exact| exact == length));
            let right = Total::Exactly(length);
            prop_assert_eq!(shown.correct(right), right, "a right count is not changed");
            let at_least = shown.correct(Total::AtLeast(counted.min(length)));
            prop_assert!(u64::from(at_least.reported()) <= length);
            prop_assert!(!at_least.is_exact() || u64::from(at_least.reported()) == length);
            prop_assert!(u64::from(at_least.reported()) >= (offset + rows).min(10_000) || rows == 0);
        }
    }
}
