//! Reads query parameters.

use super::input::Input;

impl Input {
    /// Reads an optional parameter: returns `Some(None)` if it is absent, and `None` after recording a violation.
    pub(super) fn read_parameter<T>(
        &mut self,
        name: &str,
        rule: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        let mut values = self.query.extract_if(.., |(known, _)| known == name).map(|(_, value)| value);
        let Some(value) = values.next() else { return Some(None) };
        let is_repeated = values.count() > 0;
        if is_repeated {
            self.violations.add(name, "must not be given more than once");
            return None;
        }
        self.violations.check(name, rule(&value)).map(Some)
    }
}

/// Parses a whole number in decimal digits. A number that exceeds `u64` becomes `u64::MAX`.
pub(crate) fn whole_number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            input::tests::{input, violations},
            macros::query_parameters,
            shared_fields::Search,
        },
        *,
    };

    query_parameters! {
        /// A query.
        struct Query {
            /// A page.
            page: Option<Search>,
        }
    }

    #[test]
    fn a_repeated_parameter_is_a_violation() {
        let twice = input(&[("page", "1"), ("page", "2")], &[], None);
        let once = input(&[("page", "1")], &[], None).read::<Query>().expect("no violation");
        assert_eq!(once.page.and_then(|page| page.0).as_deref(), Some("1"));
        let found = violations::<Query>(twice);
        assert_eq!(found, ["page must not be given more than once"]);
    }

    #[test]
    fn a_whole_number_has_only_digits() {
        assert_eq!(whole_number("0042"), Some(42));
        assert_eq!(whole_number("99999999999999999999999"), Some(u64::MAX));
        for bad in ["", "+1", "-1", "1.0", "1e3", " 1", "٣"] {
            assert_eq!(whole_number(bad), None, "{bad:?}");
        }
    }
}
