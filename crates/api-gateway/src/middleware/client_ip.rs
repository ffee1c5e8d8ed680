//! The IP address of a request's client.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::extract::{ConnectInfo, Request};
use eventboard_chassis::fairness::address_block;
use http::HeaderMap;

use crate::{
    config::{Config, ForwardingHeader, TrustedProxy},
    quoted::{rsplit_unquoted, unquote},
};

/// The maximum number of proxies between the client and this process. Further entries of the header are ignored.
const MAX_PROXIES: usize = 32;

/// Finds the addresses of clients behind trusted proxies.
#[derive(Clone)]
pub(crate) struct ClientAddresses {
    trusted_proxies: Arc<[TrustedProxy]>,
    /// `None`: `X-Forwarded-For`, and in a request without it, `Forwarded`.
    header: Option<ForwardingHeader>,
}

impl ClientAddresses {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            trusted_proxies: config.trusted_proxies.as_slice().into(),
            header: config.trusted_proxy_header,
        }
    }

    /// The address by which the client is limited: its address, or the network of its IPv6 address.
    pub(crate) fn block_of(&self, request: &Request) -> IpAddr {
        let connection = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let peer = connection.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
        address_block(self.client(peer.to_canonical(), request.headers()))
    }

    /// Walks from the peer through the proxies, from right to left, to the first address that is not a trusted proxy.
    /// Addresses further left are ignored, because a client could forge them.
    ///
    /// The walk also ends at an entry that names no address: `unknown`, an obfuscated identifier (RFC 7239, section
    /// 6.3) or something malformed. The client then counts as the last proxy that is known. An identifier must not
    /// count as a client of its own, because proxies may choose another one for each request, which would be without a
    /// limit.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        for hop in self.hops(headers) {
            if !self.is_trusted(client) {
                break;
            }
            let Some(address) = hop else { break };
            client = address;
        }
        client
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|proxy| proxy.contains(address))
    }

    /// The entries of the header, the last one first. Several lines are one list (RFC 9110, section 5.3), and empty
    /// elements of a list do not count (section 5.6.1).
    fn hops(&self, headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
        let header = self.header.unwrap_or_else(|| {
            // A proxy that writes one of them passes on the other as the client sent it. Nearly all write this one.
            let is_present = headers.contains_key(ForwardingHeader::XForwardedFor.name());
            if is_present { ForwardingHeader::XForwardedFor } else { ForwardingHeader::Forwarded }
        });
        let lines = headers.get_all(header.name()).into_iter().rev();
        let elements = lines.flat_map(|line| rsplit_unquoted(line.as_bytes(), b','));
        let elements = elements.filter(|element| !element.trim_ascii().is_empty());
        elements.take(MAX_PROXIES).map(move |element| {
            let element = str::from_utf8(element).ok()?.trim();
            match header {
                ForwardingHeader::XForwardedFor => parse_node(&unquote(element)?),
                ForwardingHeader::Forwarded => parse_node(&unquote(for_parameter(element)?)?),
            }
        })
    }
}

/// The value of `for` in an element of `Forwarded`. `None` if it is missing, or ambiguous because it occurs twice.
fn for_parameter(element: &str) -> Option<&str> {
    let mut values = rsplit_unquoted(element.as_bytes(), b';').filter_map(|pair| {
        let (name, value) = str::from_utf8(pair).ok()?.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim())
    });
    values.next().filter(|_| values.next().is_none())
}

/// Parses a node (RFC 7239, section 6), and what proxies write instead: an IPv6 address with or without brackets, and
/// each address with or without a port.
///
/// Without brackets, `2001:db8::1:80` is an address without a port.
fn parse_node(node: &str) -> Option<IpAddr> {
    if let Some(bracketed) = node.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        let is_valid = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return parse_address(address).filter(|_| is_valid);
    }
    let with_port = || {
        let (address, port) = node.rsplit_once(':')?;
        parse_address(address).filter(|_| is_port(port))
    };
    parse_address(node).or_else(with_port)
}

/// Parses an address. The zone of a link-local address (RFC 4007, section 11) says nothing about the client.
fn parse_address(text: &str) -> Option<IpAddr> {
    let address: IpAddr = match text.split_once('%') {
        Some((address, zone)) if !zone.is_empty() => IpAddr::V6(address.parse().ok()?),
        Some(_) => return None,
        None => text.parse().ok()?,
    };
    Some(address.to_canonical())
}

/// A port, or an obfuscated port (RFC 7239, section 6.2).
fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(hidden) => {
            !hidden.is_empty()
                && hidden.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        }
        None => (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::env;

    const PROXY: &str = "10.0.0.1";
    const CLIENT: &str = "198.51.100.7";

    fn addresses(variables: [(&str, &str); 2]) -> ClientAddresses {
        let mut env = env(variables);
        let config = Config::from_env(&mut env);
        env.finish().expect("good variables");
        ClientAddresses::new(&config)
    }

    /// The client of a request from this peer with these header fields, if 10.0.0.0/8 is trusted.
    fn client_with(header: &str, peer: &str, fields: &[(&'static str, &[u8])]) -> IpAddr {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_bytes(value).expect("a value"));
        }
        addresses([("TRUSTED_PROXIES", "10.0.0.0/8"), ("TRUSTED_PROXY_HEADER", header)])
            .client(peer.parse().expect("an address"), &headers)
    }

    /// The client behind the proxy for these lines of `X-Forwarded-For`.
    fn x_forwarded_for(lines: &[&str]) -> String {
        let fields: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", line.as_bytes())).collect();
        client_with("", PROXY, &fields).to_string()
    }

    /// The client behind the proxy for these lines of `Forwarded`.
    fn forwarded(lines: &[&str]) -> String {
        let fields: Vec<_> = lines.iter().map(|line| ("forwarded", line.as_bytes())).collect();
        client_with("", PROXY, &fields).to_string()
    }

    #[test]
    fn no_header_counts_when_the_peer_is_not_a_trusted_proxy() {
        for name in ["x-forwarded-for", "forwarded"] {
            let value: &[u8] = if name == "forwarded" { b"for=1.1.1.1" } else { b"1.1.1.1" };
            assert_eq!(client_with("", "203.0.113.5", &[(name, value)]).to_string(), "203.0.113.5");
        }
    }

    #[test]
    fn the_client_is_the_rightmost_address_that_is_not_a_trusted_proxy() {
        for lines in [
            &[CLIENT][..],
            &["1.1.1.1, 198.51.100.7, 10.0.0.2"],
            &["1.1.1.1", "198.51.100.7:4711"],
            &["1.1.1.1, 198.51.100.7", "10.0.0.3,10.0.0.2"],
            // What the client sent itself may be anything.
            &["\", 198.51.100.7"],
            &["\"1.1.1.1", "198.51.100.7"],
            &["unknown, 198.51.100.7"],
            &[",198.51.100.7", "", " , "],
        ] {
            assert_eq!(x_forwarded_for(lines), CLIENT, "{lines:?}");
        }
        assert_eq!(x_forwarded_for(&["10.0.0.9, 10.0.0.8"]), "10.0.0.9");
        assert_eq!(x_forwarded_for(&[]), PROXY);
    }

    #[test]
    fn bytes_that_are_not_text_hide_no_address() {
        let client = client_with("", PROXY, &[("x-forwarded-for", b"\xff\xfe, 198.51.100.7")]);
        assert_eq!(client.to_string(), CLIENT);
    }

    #[test]
    fn every_form_of_an_address_names_its_client() {
        for (form, address) in [
            ("192.0.2.43", "192.0.2.43"),
            (" \t192.0.2.43 \t", "192.0.2.43"),
            ("192.0.2.43:4711", "192.0.2.43"),
            ("192.0.2.43:_gazonk", "192.0.2.43"),
            ("192.0.2.43:99999", "192.0.2.43"),
            ("\"192.0.2.43\"", "192.0.2.43"),
            ("\"192.0.2.43:4711\"", "192.0.2.43"),
            ("192.0.2.43,", "192.0.2.43"),
            ("192.0.2.43, , ,", "192.0.2.43"),
            ("2001:db8:cafe::17", "2001:db8:cafe::17"),
            ("2001:DB8:CAFE:0:0:0:0:17", "2001:db8:cafe::17"),
            ("2001:0db8:cafe:0000:0000:0000:0000:0017", "2001:db8:cafe::17"),
            ("2001:db8:cafe:0:0:0:0:17:4711", "2001:db8:cafe::17"),
            ("[2001:db8:cafe::17]", "2001:db8:cafe::17"),
            ("[2001:db8:cafe::17]:4711", "2001:db8:cafe::17"),
            ("[2001:db8:cafe::17]:_x-y.z", "2001:db8:cafe::17"),
            ("\"[2001:db8:cafe::17]\"", "2001:db8:cafe::17"),
            ("\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("\"2001:db8:cafe::17\"", "2001:db8:cafe::17"),
            ("\"\\[2001:db8:cafe\\:\\:17]:47\\11\"", "2001:db8:cafe::17"),
            ("::ffff:192.0.2.43", "192.0.2.43"),
            ("::FFFF:c000:22b", "192.0.2.43"),
            ("[::ffff:192.0.2.43]:4711", "192.0.2.43"),
            ("::ffff:192.0.2.43:4711", "192.0.2.43"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:4711", "fe80::1"),
            ("[fe80::1%eth0]", "fe80::1"),
        ] {
            assert_eq!(x_forwarded_for(&[form]), address, "{form}");
            assert_eq!(forwarded(&[&format!("for={}", form.trim())]), address, "for={form}");
        }
    }

    #[test]
    fn an_entry_that_names_no_address_ends_the_walk_at_the_last_proxy() {
        for form in [
            "unknown",
            "UNKNOWN",
            "_hidden",
            "_SEVKISEK",
            "unknown:4711",
            "_hidden:_port",
            "\"\"",
            "\"192.0.2.43",
            "[2001:db8::1",
            "2001:db8::1]",
            "[2001:db8::1]4711",
            "[2001:db8::1]:",
            "192.0.2.43:",
            "192.0.2.43:123456",
            "192.0.2.43:_",
            "192.0.2.43:http",
            "192.0.2.043",
            "192.0.2",
            "192.0.2.43%eth0",
            "fe80::1%",
            "example.org",
            "for=192.0.2.43",
            "192.0.2.43 192.0.2.44",
        ] {
            let behind = format!("1.1.1.1, {form}, 10.0.0.5");
            assert_eq!(x_forwarded_for(&[&behind]), "10.0.0.5", "{form}");
            let behind = format!("for=1.1.1.1, for={form}, for=10.0.0.5");
            assert_eq!(forwarded(&[&behind]), "10.0.0.5", "{form}");
        }
    }

    #[test]
    fn an_element_of_forwarded_may_have_other_parameters_in_any_order() {
        for line in [
            "for=198.51.100.7;proto=http;by=203.0.113.43",
            "proto=https;For=198.51.100.7",
            "host=\"a;b, for=1.1.1.1\";FOR=\"198.51.100.7:80\"",
            "by=\"\\\"\" ; for = 198.51.100.7 ;",
            "for=1.1.1.1, for=198.51.100.7;host=\"x,y\", for=10.0.0.5;proto=https",
            "for=\"unclosed, for=198.51.100.7",
        ] {
            assert_eq!(forwarded(&[line]), CLIENT, "{line}");
        }
        assert_eq!(forwarded(&["for=1.1.1.1", "for=198.51.100.7, for=10.0.0.5"]), CLIENT);
        for line in ["proto=https", "for=1.1.1.1;for=198.51.100.7", "198.51.100.7", "for", "for="] {
            assert_eq!(forwarded(&[line]), PROXY, "{line}");
        }
    }

    #[test]
    fn the_header_that_the_proxies_do_not_write_is_not_believed() {
        let both: [(&str, &[u8]); 2] =
            [("forwarded", b"for=198.51.100.7"), ("x-forwarded-for", b"203.0.113.9")];
        assert_eq!(client_with("", PROXY, &both).to_string(), "203.0.113.9");
        assert_eq!(client_with("x-forwarded-for", PROXY, &both).to_string(), "203.0.113.9");
        assert_eq!(client_with("forwarded", PROXY, &both).to_string(), CLIENT);
        assert_eq!(client_with("x-forwarded-for", PROXY, &both[..1]).to_string(), PROXY);
        assert_eq!(client_with("forwarded", PROXY, &both[1..]).to_string(), PROXY);
        let useless: [(&str, &[u8]); 2] = [("forwarded", b"for=198.51.100.7"), ("x-forwarded-for", b"")];
        assert_eq!(client_with("", PROXY, &useless).to_string(), PROXY);
        for name in ["x-real-ip", "cf-connecting-ip", "true-client-ip", "x-client-ip"] {
            assert_eq!(client_with("", PROXY, &[(name, b"198.51.100.7")]).to_string(), PROXY, "{name}");
        }
    }

    #[test]
    fn the_number_of_proxies_is_limited() {
        let proxies = |number: usize| format!("198.51.100.7{}", ", 10.0.0.2".repeat(number));
        assert_eq!(x_forwarded_for(&[&proxies(MAX_PROXIES - 1)]), CLIENT);
        assert_eq!(x_forwarded_for(&[&proxies(MAX_PROXIES)]), "10.0.0.2");
    }

    /// All ways to write an address.
    fn forms(address: IpAddr) -> Vec<String> {
        let v6 = |address: Ipv6Addr| {
            let groups = address.segments().map(|group| format!("{group:04X}")).join(":");
            let mut forms = vec![address.to_string(), groups.clone(), format!("{address}%eth0")];
            forms.extend([":80", ":_p", ""].map(|port| format!("[{address}]{port}")));
            forms.extend([format!("[{groups}]:65535"), format!("{groups}:80")]);
            forms
        };
        let unquoted = match address {
            IpAddr::V4(address) => {
                let mapped = address.to_ipv6_mapped();
                let ports = ["", ":1", ":65535", ":_x"].map(|port| format!("{address}{port}"));
                ports.into_iter().chain(v6(mapped)).collect()
            }
            IpAddr::V6(address) => v6(address),
        };
        let quoted = unquoted.iter().map(|form| format!("\"{form}\""));
        quoted.collect::<Vec<_>>().into_iter().chain(unquoted).collect()
    }

    /// Any bytes that a client can send in a header field.
    fn field_value() -> impl Strategy<Value = Vec<u8>> {
        let byte =
            prop_oneof![prop::sample::select(b" \t,;=\"\\[]:%_1af".to_vec()), 32..=126_u8, 128..=255_u8];
        prop::collection::vec(byte, 0..60)
    }

    proptest! {
        #[test]
        fn an_address_in_any_form_names_the_client_whatever_the_client_sent(
            address in any::<IpAddr>(), forged in field_value(),
        ) {
            prop_assume!(!matches!(address.to_canonical(), IpAddr::V4(address) if address.octets()[0] == 10));
            for form in forms(address) {
                let line = [&forged, b", ".as_slice(), form.as_bytes()].concat();
                let client = client_with("", PROXY, &[("x-forwarded-for", &line)]);
                prop_assert_eq!(client, address.to_canonical(), "{}", form);
                let line = [&forged, b", for=".as_slice(), form.as_bytes()].concat();
                let client = client_with("", PROXY, &[("forwarded", &line)]);
                prop_assert_eq!(client, address.to_canonical(), "{}", form);
            }
        }

        #[test]
        fn the_client_of_an_untrusted_peer_is_the_peer(forged in field_value()) {
            for name in ["x-forwarded-for", "forwarded"] {
                let client = client_with("", "192.0.2.1", &[(name, &forged)]);
                prop_assert_eq!(client.to_string(), "192.0.2.1");
                client_with("", PROXY, &[(name, &forged)]);
            }
        }
    }
}
