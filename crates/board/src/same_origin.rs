//! Refuses forms that another site sends with the cookie of the board (cross-site request forgery).

use http::{HeaderMap, header};

use crate::Board;

/// Whether a form comes from a page of the board. Browsers tell it in `Sec-Fetch-Site`, and those that do not, or do not for a page
/// without TLS, in `Origin`. Without both headers, the form is refused: every browser in use sends one of them with a POST.
pub(crate) fn is_same_origin(board: &Board, headers: &HeaderMap) -> bool {
    let value = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match (value("sec-fetch-site"), value(header::ORIGIN.as_str())) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => origin == board.public_url().origin(),
        (None, None) => false,
    }
}
