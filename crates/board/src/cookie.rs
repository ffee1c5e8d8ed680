//! The cookies of the board: the session, and the banner of the next page.

use eventboard_chassis::browser_secret::BrowserSecret;
use http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};

use crate::Board;

/// How long the browser keeps the cookie, in seconds: as long as the longest session (`SESSION_MAX_AGE`). auth-service decides when a
/// session ends.
const MAX_AGE: u32 = 365 * 24 * 60 * 60;

/// How long the banner waits for the next page, in seconds.
const BANNER_MAX_AGE: u32 = 60;

const BANNER: &str = "eventboard-banner";

/// The name of the session's cookie. With TLS, browsers accept the prefix only from this host and with TLS, so that no other host of the
/// domain can set it (RFC 6265bis, section 4.1.3.2).
fn session_name(board: &Board) -> &'static str {
    if board.public_url().is_https() { "__Host-eventboard" } else { "eventboard" }
}

/// The secret in the cookie. `None` without a cookie, or if it is no secret of ours.
pub(crate) fn session_secret(board: &Board, headers: &HeaderMap) -> Option<BrowserSecret> {
    BrowserSecret::parse(cookie(headers, session_name(board))?)
}

/// The header `Set-Cookie` that keeps a session.
pub(crate) fn keep_session(board: &Board, secret: &SecretString) -> HeaderValue {
    set_cookie(board, session_name(board), secret.expose_secret(), MAX_AGE)
}

/// The header `Set-Cookie` that forgets the session.
pub(crate) fn forget_session(board: &Board) -> HeaderValue {
    set_cookie(board, session_name(board), "", 0)
}

/// The name of the banner in the cookie.
pub(crate) fn banner(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, BANNER)
}

/// The header `Set-Cookie` that shows a banner on the next page.
pub(crate) fn show_banner(board: &Board, name: &str) -> HeaderValue {
    set_cookie(board, BANNER, name, BANNER_MAX_AGE)
}

/// The header `Set-Cookie` that forgets the banner.
pub(crate) fn forget_banner(board: &Board) -> HeaderValue {
    set_cookie(board, BANNER, "", 0)
}

/// `Lax`, so that the cookie comes along when somebody follows the link of a mail, but not with a form of another site.
fn set_cookie(board: &Board, name: &str, value: &str, max_age: u32) -> HeaderValue {
    let secure = if board.public_url().is_https() { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}");
    let mut header = HeaderValue::try_from(cookie).unwrap_or_else(|_| HeaderValue::from_static(""));
    header.set_sensitive(true);
    header
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let cookies = headers.get_all(header::COOKIE).into_iter();
    let mut pairs = cookies.flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    // Another cookie of the host may have any bytes.
    pairs.find_map(|pair| {
        let value = pair.trim_ascii_start().strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        str::from_utf8(value).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; eventboard-banner=x"));
        let with_other = HeaderValue::from_bytes(b"b=\xff; eventboard=secret").expect("a value");
        headers.append(header::COOKIE, with_other);
        assert_eq!(cookie(&headers, "eventboard"), Some("secret"));
        assert_eq!(cookie(&headers, BANNER), Some("x"));
        assert_eq!(cookie(&headers, "board"), None);
    }
}
