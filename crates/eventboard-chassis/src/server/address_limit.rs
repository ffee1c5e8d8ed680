//! Limits how many connections one client address may have.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::fairness::{Counts, address_block};

/// The maximum number of connections that one address may have to a port.
pub struct AddressLimit {
    max_connections: u32,
    is_exempt: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// The connections of each address block.
    connections: Mutex<Counts<IpAddr>>,
}

impl AddressLimit {
    /// Creates a limit of `max_connections` for every address block.
    pub fn new(max_connections: u32) -> Self {
        Self { max_connections, is_exempt: Box::new(|_| false), connections: Mutex::default() }
    }

    /// Exempts addresses, for example those of proxies, which connect for many clients.
    #[must_use]
    pub fn except(self, is_exempt: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self { is_exempt: Box::new(is_exempt), ..self }
    }

    /// Counts a connection. `None` when its address has reached the limit.
    pub(super) fn admit(limit: &Arc<Self>, peer: IpAddr) -> Option<AddressPermit> {
        if (limit.is_exempt)(peer.to_canonical()) {
            return Some(AddressPermit { counted: None });
        }
        let block = address_block(peer);
        let mut connections = limit.connections();
        if connections.get(&block) >= limit.max_connections as usize {
            return None;
        }
        connections.add(block, 1);
        Some(AddressPermit { counted: Some((Arc::clone(limit), block)) })
    }

    fn connections(&self) -> MutexGuard<'_, Counts<IpAddr>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that counts for its address until this is dropped.
pub(super) struct AddressPermit {
    /// `None` for an exempt address.
    counted: Option<(Arc<AddressLimit>, IpAddr)>,
}

impl AddressPermit {
    /// Whether the address is exempt, because it connects for many clients.
    pub(super) fn is_exempt(&self) -> bool {
        self.counted.is_none()
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        if let Some((limit, block)) = &self.counted {
            limit.connections().remove(*block, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(limit: &Arc<AddressLimit>, peer: &str) -> Option<AddressPermit> {
        AddressLimit::admit(limit, peer.parse().expect("an address"))
    }

    #[test]
    fn an_address_gets_a_connection_again_when_one_has_ended() {
        let limit = Arc::new(AddressLimit::new(2));
        let held = [admit(&limit, "2001:db8::1"), admit(&limit, "2001:db8::2")];
        assert!(held.iter().all(Option::is_some) && admit(&limit, "2001:db8::3").is_none());
        assert!(admit(&limit, "2001:db8:0:1::1").is_some());
        drop(held);
        assert!(admit(&limit, "2001:db8::3").is_some());
        assert!(limit.connections().is_empty(), "an address without connections takes memory");
    }

    #[test]
    fn an_exempt_address_has_no_limit() {
        let proxy: IpAddr = [10, 0, 0, 1].into();
        let limit = Arc::new(AddressLimit::new(0).except(move |address| address == proxy));
        assert!(admit(&limit, "::ffff:10.0.0.1").is_some());
        assert!(admit(&limit, "10.0.0.2").is_none());
        assert!(limit.connections().is_empty());
    }
}
