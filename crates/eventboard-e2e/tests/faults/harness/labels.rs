//! The labels of failures.

use std::{collections::BTreeMap, fmt::Display};

/// Counts equal labels, in the format of the column `of which`.
pub(super) fn count_by_label<L: Ord + Display>(labels: impl Iterator<Item = L>) -> String {
    let mut counts = BTreeMap::<_, u32>::new();
    labels.for_each(|label| *counts.entry(label).or_default() += 1);
    counts.iter().map(|(label, count)| format!("{count} × {label}")).collect::<Vec<_>>().join(", ")
}
