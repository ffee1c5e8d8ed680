//! The IP address of a request's client.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use eventboard_chassis::fairness::address_block;
use http::{Extensions, HeaderMap, HeaderName};

use crate::config::TrustedProxy;

/// A header that proxies set: the address of the client, followed by the address of every proxy except the last one.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address by which the client is limited: its address, or the network of its IPv6 address.
pub(crate) fn client_block(
    extensions: &Extensions,
    headers: &HeaderMap,
    trusted_proxies: &[TrustedProxy],
) -> IpAddr {
    address_block(client_ip(extensions, headers, trusted_proxies))
}

/// The address of the client: the peer of the connection or, behind trusted proxies, the address that they forward.
fn client_ip(extensions: &Extensions, headers: &HeaderMap, trusted_proxies: &[TrustedProxy]) -> IpAddr {
    let connection = extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = connection.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
    forwarded_ip(peer.to_canonical(), headers, trusted_proxies)
}

/// Walks from the peer through `X-Forwarded-For`, from right to left, to the first address that is not a trusted
/// proxy. Addresses further left are ignored, because a client could forge them.
fn forwarded_ip(peer: IpAddr, headers: &HeaderMap, trusted_proxies: &[TrustedProxy]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted_proxies.iter().any(|proxy| proxy.contains(address));
    let mut client = peer;
    for hop in hops_from_the_right(headers) {
        if !is_trusted(client) {
            break;
        }
        let Some(address) = parse_address(hop) else { break };
        client = address;
    }
    client
}

fn hops_from_the_right(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(X_FORWARDED_FOR).iter().rev().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.rsplit(',')).map(str::trim)
}

/// Parses an address with or without a port, because some proxies add the port.
fn parse_address(hop: &str) -> Option<IpAddr> {
    let bare = || hop.parse::<IpAddr>().ok();
    let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare().or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(X_FORWARDED_FOR, value.parse().expect("a value"));
        }
        let trusted: Vec<_> = trusted.iter().map(|proxy| proxy.parse().expect("a proxy")).collect();
        forwarded_ip(peer.parse().expect("an address"), &headers, &trusted).to_string()
    }

    #[test]
    fn the_header_is_ignored_when_the_peer_is_not_a_trusted_proxy() {
        assert_eq!(client("203.0.113.5", &["1.1.1.1"], &[]), "203.0.113.5");
        assert_eq!(client("203.0.113.5", &["1.1.1.1"], &["10.0.0.0/8"]), "203.0.113.5");
    }

    #[test]
    fn the_client_is_the_rightmost_address_that_is_not_a_trusted_proxy() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(client("10.0.0.1", &["198.51.100.7"], &trusted), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["1.1.1.1, 198.51.100.7, 10.0.0.2"], &trusted), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["1.1.1.1", "198.51.100.7:4711"], &trusted), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]:80"], &trusted), "2001:db8::1");
    }

    #[test]
    fn an_invalid_address_ends_the_walk_at_the_last_valid_one() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(client("10.0.0.1", &["1.1.1.1, unknown"], &trusted), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[], &trusted), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["10.0.0.9, 10.0.0.8"], &trusted), "10.0.0.9");
    }
}
