//! The weights in the `Accept` headers (RFC 9110, section 12.4.2).

/// A weight in thousandths, from 0 (not acceptable) to [`MAX_WEIGHT`].
pub(crate) type Weight = u16;

/// The weight of an element without `q`.
pub(crate) const MAX_WEIGHT: Weight = 1000;

/// Parses the value of `q`: from 0 to 1 with up to three decimals. `None` if it is malformed.
pub(crate) fn parse_weight(text: &str) -> Option<Weight> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_valid = matches!(whole, "0" | "1") && decimals.len() <= 3;
    let are_digits = decimals.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths = format!("{whole}{decimals:0<3}");
    let weight = thousandths.parse().ok().filter(|_| is_valid && are_digits)?;
    (weight <= MAX_WEIGHT).then_some(weight)
}
