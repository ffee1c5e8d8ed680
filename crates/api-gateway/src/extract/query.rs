//! Query parameters: known, given once, and each by its rule.

use super::input::Input;

impl Input {
    /// A parameter that need not be there, by its rule; `None` after recording a fault.
    pub(super) fn parameter<T>(
        &mut self,
        name: &str,
        rule: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        let mut values = self.query.extract_if(.., |(known, _)| known == name).map(|(_, value)| value);
        let Some(value) = values.next() else { return Some(None) };
        let is_repeated = values.count() > 0;
        if is_repeated {
            self.faults.add(name, "is given more than once");
            return None;
        }
        self.faults.check(name, rule(&value)).map(Some)
    }
}

/// A whole number in decimal digits; one that is too large for `u64` counts as the largest.
pub(crate) fn whole_number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            declare::query_parameters,
            input::tests::{faults, input},
            values::Search,
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
    fn a_parameter_is_given_at_most_once() {
        let twice = input(&[("page", "1"), ("page", "2")], &[], None);
        let once = input(&[("page", "1")], &[], None).read::<Query>().expect("no fault");
        assert_eq!(once.page.and_then(|page| page.0).as_deref(), Some("1"));
        let found = faults::<Query>(twice);
        assert_eq!(found, ["page is given more than once"]);
    }

    #[test]
    fn numbers_are_digits_only() {
        assert_eq!(whole_number("0042"), Some(42));
        assert_eq!(whole_number("99999999999999999999999"), Some(u64::MAX));
        for bad in ["", "+1", "-1", "1.0", "1e3", " 1", "٣"] {
            assert_eq!(whole_number(bad), None, "{bad:?}");
        }
    }
}
