//! The proxies that may say who a request comes from, and how they say it.

use std::{net::IpAddr, str::FromStr};

use http::{HeaderName, header};
use ipnet::{IpNet, Ipv4Net};

/// A network of trusted proxies, or the address of a single proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedProxy(IpNet);

impl TrustedProxy {
    /// Whether the network contains the address.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for TrustedProxy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(|network| Self(canonical(network))).map_err(|_| ())
    }
}

/// Turns a network of IPv4 addresses that are mapped to IPv6, such as `::ffff:10.0.0.0/104`, into the IPv4 network.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else { return network };
    let prefix_length = mapped.prefix_len().checked_sub(96);
    let address = mapped.addr().to_ipv4_mapped();
    let ipv4 = address.zip(prefix_length).and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    ipv4.map_or(network, IpNet::V4)
}

/// The header in which the trusted proxies name the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardingHeader {
    /// The de facto standard: a list of addresses.
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

impl ForwardingHeader {
    pub(crate) fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            Self::Forwarded => header::FORWARDED,
        }
    }
}

impl FromStr for ForwardingHeader {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let all = [Self::XForwardedFor, Self::Forwarded];
        all.into_iter().find(|header| text.eq_ignore_ascii_case(header.name().as_str())).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trusted_proxy_is_a_network_or_an_address() {
        for (proxy, address, is_trusted) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            // Bits behind the prefix do not matter.
            ("10.1.2.3/8", "10.200.0.1", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("0.0.0.0/0", "192.0.2.7", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("fd00::/8", "fd12::1", true),
            ("FD00::1", "fd00:0::1", true),
            ("2001:db8::5/32", "2001:db8:1::1", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "11.1.2.3", false),
            ("::ffff:a01:203", "10.1.2.3", true),
            ("::ffff:0:0/96", "192.0.2.7", true),
            ("::ffff:0:0/96", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "192.0.2.7", false),
        ] {
            let parsed: TrustedProxy = proxy.parse().expect("a proxy");
            let address = address.parse().expect("an address");
            assert_eq!(parsed.contains(address), is_trusted, "{address} in {proxy}");
        }
    }

    #[test]
    fn anything_else_is_not_a_trusted_proxy() {
        for text in
            ["", "proxy", "10.0.0", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "[::1]", "fe80::1%eth0", "1/8"]
        {
            assert_eq!(text.parse::<TrustedProxy>(), Err(()), "{text}");
        }
    }

    #[test]
    fn a_forwarding_header_is_named_like_the_header() {
        assert_eq!("X-Forwarded-For".parse(), Ok(ForwardingHeader::XForwardedFor));
        assert_eq!("forwarded".parse(), Ok(ForwardingHeader::Forwarded));
        assert_eq!("x-real-ip".parse::<ForwardingHeader>(), Err(()));
    }
}
