//! The host of a request. Proxies and servers that read it differently would send a client the responses of another host,
//! so an ambiguous one is rejected.

use std::{fmt, net::Ipv6Addr, str};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{StatusCode, Version, header::HOST};

use crate::layer::{Inner, Next};

/// Why the host of a request is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidHost {
    /// There is none. Only HTTP/1.0 allows that.
    Missing,
    /// There are several `Host` lines.
    Repeated,
    /// It is not `host` or `host:port`.
    Malformed,
    /// `Host` differs from `:authority`.
    Contradictory,
}

impl fmt::Display for InvalidHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "The request has no Host header.",
            Self::Repeated => "The request has more than one Host header.",
            Self::Malformed => "The Host header is not a host with an optional port.",
            Self::Contradictory => "The Host header differs from :authority.",
        })
    }
}

/// Checks that a request names one host: for HTTP/1 by RFC 9112, section 3.2, and for HTTP/2 by RFC 9113, section 8.3.1.
///
/// # Errors
/// When it names none, several, or something that is not a host.
pub fn check_host<B>(request: &http::Request<B>) -> Result<(), InvalidHost> {
    let mut lines = request.headers().get_all(HOST).iter();
    let (host, another) = (lines.next(), lines.next());
    if another.is_some() {
        return Err(InvalidHost::Repeated);
    }
    let host = host.map(|host| host.as_bytes());
    // `:authority`, or the host of a request line in absolute form. HTTP/1 ignores `Host` then, but still requires it.
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    if !host.into_iter().chain(authority).all(is_host_with_port) {
        return Err(InvalidHost::Malformed);
    }
    match (host, authority) {
        (Some(host), Some(authority)) if is_http2(request) && !host.eq_ignore_ascii_case(authority) => {
            Err(InvalidHost::Contradictory)
        }
        (Some(_), _) => Ok(()),
        (None, Some(_)) if is_http2(request) => Ok(()),
        (None, _) if request.version() < Version::HTTP_11 => Ok(()),
        (None, _) => Err(InvalidHost::Missing),
    }
}

/// The layer function for ports whose errors are plain text.
pub(crate) async fn require_host((): (), request: Request, next: Next<impl Inner>) -> Response {
    match check_host(&request) {
        Ok(()) => next.run(request).await,
        Err(invalid) => (StatusCode::BAD_REQUEST, invalid.to_string()).into_response(),
    }
}

fn is_http2<B>(request: &http::Request<B>) -> bool {
    request.version() >= Version::HTTP_2
}

/// `uri-host [ ":" port ]` (RFC 9110, section 7.2). An empty host is invalid in HTTP (section 4.2.1).
fn is_host_with_port(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let (is_host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address.parse::<Ipv6Addr>().is_ok(), port),
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (is_registered_name(name), port)
        }
    };
    let is_port = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    is_host && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// A name or an IPv4 address (RFC 3986, section 3.2.2).
fn is_registered_name(name: &str) -> bool {
    let mut parts = name.split('%');
    let is_plain = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte))
    };
    let is_encoded =
        |text: &str| text.get(..2).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let is_valid = parts.next().is_some_and(is_plain) && parts.all(|part| is_encoded(part) && is_plain(part));
    is_valid && !name.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(version: Version, uri: &str, hosts: &[&[u8]]) -> Result<(), InvalidHost> {
        let request = http::Request::builder().version(version).uri(uri);
        let request = hosts.iter().fold(request, |request, host| request.header(HOST, *host));
        check_host(&request.body(()).expect("a request"))
    }

    #[test]
    fn http_1_1_requires_one_host() {
        for (uri, hosts, expected) in [
            ("/", &[][..], Err(InvalidHost::Missing)),
            ("/", &[&b"a"[..]], Ok(())),
            ("/", &[b"a", b"a"], Err(InvalidHost::Repeated)),
            ("/", &[b"a", b"b"], Err(InvalidHost::Repeated)),
            ("http://a/", &[], Err(InvalidHost::Missing)),
            ("http://a/", &[b"b"], Ok(())),
            ("http://a/", &[b"b "], Err(InvalidHost::Malformed)),
            ("http://a/", &[b"a", b"a"], Err(InvalidHost::Repeated)),
            ("http://me@a/", &[b"a"], Err(InvalidHost::Malformed)),
            ("*", &[b"a"], Ok(())),
        ] {
            assert_eq!(check(Version::HTTP_11, uri, hosts), expected, "{uri} {hosts:?}");
        }
    }

    #[test]
    fn http_1_0_allows_no_host() {
        assert_eq!(check(Version::HTTP_10, "/", &[]), Ok(()));
        assert_eq!(check(Version::HTTP_10, "/", &[b"a"]), Ok(()));
        assert_eq!(check(Version::HTTP_10, "/", &[b"a", b"a"]), Err(InvalidHost::Repeated));
        assert_eq!(check(Version::HTTP_10, "/", &[b""]), Err(InvalidHost::Malformed));
    }

    #[test]
    fn http_2_requires_authority_or_host_and_no_contradiction() {
        for (uri, hosts, expected) in [
            ("http://a:1/", &[][..], Ok(())),
            ("http://a:1/", &[&b"A:1"[..]], Ok(())),
            ("http://a:1/", &[b"a"], Err(InvalidHost::Contradictory)),
            ("http://a/", &[b"b"], Err(InvalidHost::Contradictory)),
            ("http://a/", &[b"a", b"a"], Err(InvalidHost::Repeated)),
            ("/", &[b"a"], Ok(())),
            ("/", &[], Err(InvalidHost::Missing)),
        ] {
            assert_eq!(check(Version::HTTP_2, uri, hosts), expected, "{uri} {hosts:?}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_an_optional_port() {
        for valid in [
            "localhost",
            "LOCALHOST:3000",
            "a.b-c.example",
            "under_score",
            "xn--bcher-kva.example",
            "127.0.0.1:80",
            "[::1]",
            "[2001:db8::1]:3000",
            "localhost:",
            "b%C3%BCcher.example",
            "api-gateway.default.svc.cluster.local.",
        ] {
            assert!(is_host_with_port(valid.as_bytes()), "{valid}");
        }
        for invalid in [
            "",
            " ",
            ":80",
            "a b",
            "a,b c",
            "a, b",
            "a/b",
            "http://a",
            "me@a",
            "a:b",
            "a:80:90",
            "a:-1",
            "a:8 0",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]80",
            "[::1]:x",
            "[a]",
            "[]",
            "a[::1]",
            "%",
            "a%2",
            "a%zz",
            "a?b",
            "a#b",
            "a\\b",
            "a\"b",
            "<a>",
            "b\u{fc}cher.example",
            "[fe80::1%25eth0]",
        ] {
            assert!(!is_host_with_port(invalid.as_bytes()), "{invalid}");
        }
        assert!(!is_host_with_port(b"a\xff"));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = is_host_with_port(&bytes);
        }

        #[test]
        fn every_http_uri_has_a_valid_host(name in "[a-z0-9][a-z0-9.-]{0,30}", port in any::<u16>()) {
            let text = format!("{name}:{port}");
            prop_assert!(is_host_with_port(text.as_bytes()));
        }
    }
}
