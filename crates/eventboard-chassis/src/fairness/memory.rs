//! Memory that clients make a process hold, shared fairly between them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Client, counts::Counts};

/// A client may hold a seventh of the bytes that are free. So a client that is alone gets an eighth of all bytes, and each
/// greedy client leaves seven eighths of the rest to the others. (Memory switches divide their buffers in this way:
/// Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998.)
const FREE_DIVISOR: usize = 7;

/// A limited number of bytes, and who holds them.
#[derive(Debug, Clone)]
pub struct SharedMemory(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    capacity: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    total: usize,
    by_client: Counts<Client>,
}

/// Bytes that one client holds. Dropping it frees them.
#[derive(Debug)]
pub struct HeldMemory {
    memory: SharedMemory,
    client: Client,
    bytes: usize,
}

/// The client has its share of the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryExhausted;

impl SharedMemory {
    /// Creates a memory of `capacity` bytes.
    pub fn new(capacity: usize) -> Self {
        Self(Arc::new(Parts { capacity, held: Mutex::default() }))
    }

    /// The number of bytes that are held.
    pub fn held(&self) -> usize {
        self.lock().total
    }

    /// Starts with no bytes.
    pub fn hold(&self, client: Client) -> HeldMemory {
        HeldMemory { memory: self.clone(), client, bytes: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldMemory {
    /// The number of bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Holds this many bytes more.
    ///
    /// # Errors
    /// When the client would hold more than its share.
    pub fn try_grow(&mut self, bytes: usize) -> Result<(), MemoryExhausted> {
        let mut held = self.memory.lock();
        let share = self.memory.0.capacity.saturating_sub(held.total) / FREE_DIVISOR;
        if held.by_client.get(&self.client) + bytes > share {
            return Err(MemoryExhausted);
        }
        held.add(self.client, bytes);
        self.bytes += bytes;
        Ok(())
    }

    /// Frees what exceeds this many bytes.
    pub fn shrink_to(&mut self, bytes: usize) {
        let excess = self.bytes.saturating_sub(bytes);
        self.memory.lock().remove(self.client, excess);
        self.bytes -= excess;
    }

    /// Holds this many bytes more, even if they exceed the client's share or the capacity.
    pub fn grow(&mut self, bytes: usize) {
        self.memory.lock().add(self.client, bytes);
        self.bytes += bytes;
    }
}

impl Drop for HeldMemory {
    fn drop(&mut self) {
        self.memory.lock().remove(self.client, self.bytes);
    }
}

impl Held {
    fn add(&mut self, client: Client, bytes: usize) {
        self.total += bytes;
        self.by_client.add(client, bytes);
    }

    fn remove(&mut self, client: Client, bytes: usize) {
        self.total -= bytes;
        self.by_client.remove(client, bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    const CAPACITY: usize = 6400;

    fn client(number: u8) -> Client {
        Client::Address(Ipv4Addr::new(192, 0, 2, number).into())
    }

    /// Holds as much as the client may.
    fn fill(memory: &SharedMemory, number: u8) -> HeldMemory {
        let mut held = memory.hold(client(number));
        while held.try_grow(1).is_ok() {}
        held
    }

    #[test]
    fn a_client_that_is_alone_holds_an_eighth() {
        assert_eq!(fill(&SharedMemory::new(CAPACITY), 1).bytes(), CAPACITY / 8);
    }

    #[test]
    fn each_greedy_client_leaves_seven_eighths_of_the_rest() {
        let memory = SharedMemory::new(CAPACITY);
        let (mut greedy, mut free) = (Vec::new(), CAPACITY);
        for number in 1..=10 {
            greedy.push(fill(&memory, number));
            free -= free / 8;
            assert_eq!(CAPACITY - memory.held(), free, "beside {number}");
        }
        assert_eq!(memory.hold(client(0)).try_grow(free / 7), Ok(()));
        drop(greedy);
        assert_eq!(memory.held(), 0);
        assert!(memory.lock().by_client.is_empty());
    }

    #[test]
    fn what_cannot_be_refused_counts_beyond_the_share() {
        let memory = SharedMemory::new(CAPACITY);
        let mut held = memory.hold(client(1));
        held.grow(2 * CAPACITY);
        assert_eq!(memory.held(), 2 * CAPACITY);
        assert_eq!(memory.hold(client(2)).try_grow(1), Err(MemoryExhausted));
        drop(held);
        assert_eq!(memory.hold(client(2)).try_grow(1), Ok(()));
    }

    proptest! {
        #[test]
        fn all_bytes_are_free_after_any_sequence(
            steps in prop::collection::vec((0..4_u8, 0..3000_usize, any::<bool>()), 0..100),
        ) {
            let memory = SharedMemory::new(CAPACITY);
            let mut all = Vec::new();
            for (number, bytes, must) in steps {
                let mut held = memory.hold(client(number));
                if must { held.grow(bytes) } else { held.try_grow(bytes).ok(); }
                held.shrink_to(2000);
                all.push(held);
                if bytes % 3 == 0 { all.swap_remove(0); }
                prop_assert_eq!(memory.held(), all.iter().map(HeldMemory::bytes).sum::<usize>());
            }
            all.clear();
            prop_assert_eq!(memory.held(), 0);
            prop_assert!(memory.lock().by_client.is_empty());
        }
    }
}
