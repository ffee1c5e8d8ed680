//! Values before and after a change.

use serde::Serialize;

/// A value before and after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Changed<T> {
    /// The value before.
    pub from: T,
    /// The value afterwards.
    pub to: T,
}

impl<T: Clone + PartialEq> Changed<T> {
    /// Returns the change to another value. `None` if there is no other value.
    pub fn between(from: &T, to: Option<T>) -> Option<Self> {
        let to = to.filter(|to| to != from)?;
        Some(Self { from: from.clone(), to })
    }
}
