//! Where a call comes from, as the audit records it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tonic::Request;

use super::calls::{ClientDescription, client_address};
use crate::correlation::CorrelationId;

/// The client for which a call is made. Unless a gateway has signed what it says about its client, this is the peer.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The block of the client's address: `203.0.113.0/24` or `2001:db8:1::/48`. A single address would say more about a
    /// person than an audit needs.
    pub address: String,
    /// What the client says it is, its `User-Agent`: at most 200 ASCII characters.
    pub client: Option<String>,
    /// The correlation ID of the request.
    pub correlation_id: CorrelationId,
}

impl Origin {
    /// Returns the origin of a call.
    pub fn of<T>(request: &Request<T>) -> Self {
        let extensions = request.extensions();
        let description = extensions.get::<ClientDescription>();
        Self {
            address: shortened(client_address(extensions)),
            client: description.map(|ClientDescription(text)| text.to_string()),
            correlation_id: CorrelationId::of_call(request),
        }
    }
}

/// The block in which the address is.
fn shortened(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            format!("{}/24", Ipv4Addr::from_bits(address.to_bits() & (u32::MAX << 8)))
        }
        IpAddr::V6(address) => {
            format!("{}/48", Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 80)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shortened_to_its_block() {
        let block = |text: &str| shortened(text.parse().expect("an address"));
        assert_eq!(block("203.0.113.7"), "203.0.113.0/24");
        assert_eq!(block("::ffff:203.0.113.7"), "203.0.113.0/24");
        assert_eq!(block("2001:db8:1:2:3:4:5:6"), "2001:db8:1::/48");
    }
}
