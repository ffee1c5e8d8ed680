//! Shares scarce capacity between clients, so that one client cannot take what the others need. Each process counts
//! separately.

mod counts;
mod memory;
mod semaphore;

use std::net::{IpAddr, Ipv6Addr};

use uuid::Uuid;

pub(crate) use self::counts::Counts;
pub use self::{
    memory::{HeldMemory, MemoryExhausted, SharedMemory},
    semaphore::{FairLimits, FairPermit, FairSemaphore, Refused},
};
use crate::error::{ErrorCode, ServiceError};

/// Somebody whose share of a capacity is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Client {
    /// All members of an organization together.
    Organization(Uuid),
    /// One user.
    User(Uuid),
    /// All callers from one [`address_block`].
    Address(IpAddr),
    /// The service itself, for work that belongs to no request.
    Service,
}

impl Client {
    /// The error for a request of a client that has its whole share of a capacity. The log names the client.
    pub fn share_exhausted(self) -> ServiceError {
        let message = match self {
            Self::Organization(_) => {
                "Your organization has too many requests in progress. Try again shortly."
            }
            Self::User(_) => "You have too many requests in progress. Try again shortly.",
            Self::Address(_) => "Your network address has too many requests in progress. Try again shortly.",
            Self::Service => "The service is overloaded. Try again shortly.",
        };
        ServiceError::new(ErrorCode::Overloaded, message).caused_by(format!("{self:?} has its share"))
    }
}

/// Returns the block of addresses that counts as one client. An IPv6 client has at least a /64 network (RFC 6177), so all
/// addresses of a /64 count together. An IPv4 address that is mapped to IPv6 counts as the IPv4 address.
pub fn address_block(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_client_counts_as_its_network_and_an_ipv4_client_as_its_address() {
        let block = |text: &str| address_block(text.parse().expect("an address")).to_string();
        assert_eq!(block("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(block("198.51.100.7"), "198.51.100.7");
        assert_eq!(block("::ffff:198.51.100.7"), "198.51.100.7");
    }
}
