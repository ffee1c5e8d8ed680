//! Collects all invalid fields of an input, so that the caller receives them in one response.

use std::fmt;

use crate::excerpt;

/// The maximum number of violations in a list. A caller can put thousands of unknown fields into one request, and the
/// response must not be many times as long as the request. More violations are only counted.
const MAX_LISTED: usize = 50;

/// A rule that one field of the input violates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The name of the field in the API, for example `startDate`. The name of an unknown field is an
    /// [`excerpt`](crate::excerpt()).
    pub field: String,
    /// The rule, phrased to follow the name of the field: `must be a string`.
    pub message: String,
}

/// The violations of one input: the first 50 in the order in which they were found, and the number of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations {
    listed: Vec<Violation>,
    omitted: usize,
}

impl Violations {
    /// Creates a list with a single violation.
    pub fn one(field: &str, message: impl Into<String>) -> Self {
        let mut violations = Self::default();
        violations.add(field, message);
        violations
    }

    /// Records a violation. The name of the field may come from the caller; the message must not.
    pub fn add(&mut self, field: &str, message: impl Into<String>) {
        if self.listed.len() < MAX_LISTED {
            let field = excerpt(field).into_owned();
            self.listed.push(Violation { field, message: message.into() });
        } else {
            self.add_omitted(1);
        }
    }

    /// Counts violations that are not in the list.
    pub fn add_omitted(&mut self, count: usize) {
        self.omitted = self.omitted.saturating_add(count);
    }

    /// Returns the value of a successful check. Records an error as a violation and returns `None`.
    pub fn check<T>(&mut self, field: &str, outcome: Result<T, String>) -> Option<T> {
        outcome.map_err(|message| self.add(field, message)).ok()
    }

    /// Returns `Ok` when no violation was recorded.
    ///
    /// # Errors
    /// Returns the violations if there is at least one.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    /// Returns whether no violation was recorded.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Iterates over the listed violations in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Violation> {
        self.listed.iter()
    }

    /// Returns the number of violations that are not in the list.
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl FromIterator<Violation> for Violations {
    fn from_iter<I: IntoIterator<Item = Violation>>(violations: I) -> Self {
        let mut collected = Self::default();
        for Violation { field, message } in violations {
            collected.add(&field, message);
        }
        collected
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.listed.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{} {}", violation.field, violation.message)?;
        }
        match self.omitted {
            0 => Ok(()),
            omitted => write!(f, "; and {omitted} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_beyond_the_first_fifty_are_counted() {
        let mut violations = Violations::default();
        for number in 0..1000 {
            violations.add(&format!("x{number}"), "is not a known field");
        }
        assert_eq!((violations.iter().count(), violations.omitted()), (50, 950));
        assert_eq!(violations.iter().last().map(|last| last.field.as_str()), Some("x49"));
        assert!(violations.to_string().ends_with("x49 is not a known field; and 950 more"));
    }

    #[test]
    fn the_name_of_a_field_is_cut() {
        let violations = Violations::one(&"x".repeat(60_000), "is not a known field");
        assert_eq!(violations.to_string(), format!("{}… is not a known field", "x".repeat(99)));
    }
}
