//! The limits of what an organization may store.

use std::ops::{AddAssign, Sub, SubAssign};

use crate::{Quota, Refusal};

/// The limits of every organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// The maximum number of events.
    pub events: i64,
    /// The maximum number of bytes: see [`StorageUsage::bytes`].
    pub bytes: i64,
    /// The maximum number of members, including disabled ones.
    pub members: i64,
}

/// The bytes that an entry of the history counts in addition to its reason, and an idempotency key in addition to its
/// response. This is about the space that such a row needs with its index entries.
pub const ROW_BYTES: i64 = 256;

/// What an organization uses of its quotas of events and bytes. A difference of two usages can be negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StorageUsage {
    /// The number of events.
    pub events: i64,
    /// The bytes of the events' titles, descriptions and locations, of the history, and of the idempotency keys that
    /// have not expired, with their stored responses.
    pub bytes: i64,
}

impl AddAssign for StorageUsage {
    fn add_assign(&mut self, Self { events, bytes }: Self) {
        self.events += events;
        self.bytes += bytes;
    }
}

impl SubAssign for StorageUsage {
    fn sub_assign(&mut self, Self { events, bytes }: Self) {
        self.events -= events;
        self.bytes -= bytes;
    }
}

impl Sub for StorageUsage {
    type Output = Self;

    fn sub(mut self, other: Self) -> Self {
        self -= other;
        self
    }
}

/// What a write adds to the usage of its organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// The growth. It is negative where the write removes more than it adds.
    pub usage: StorageUsage,
    /// The limit of bytes that applies to the write.
    pub byte_limit: ByteLimit,
}

/// The limit of bytes that applies to a write. Every write stores a response, so every write would be refused at the
/// limit, even one that shortens an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteLimit {
    /// The quota.
    Quota,
    /// The quota and an eighth of it. An organization at its limit can still shorten its events, but its members cannot
    /// repeat such updates without end, because the stored responses count.
    QuotaAndReserve,
    /// None. Only for writes that cannot be repeated without end, because the writes that make them possible again are
    /// refused at the quota.
    None,
}

/// Returns the bytes that a key with this response counts.
pub(crate) fn key_bytes(response: &[u8]) -> i64 {
    ROW_BYTES + byte_count(response.len())
}

/// Converts a length into the type of the quotas.
pub(crate) fn byte_count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

impl Quotas {
    /// Decides whether a write may change the usage by `growth`. A write that does not increase a quantity is allowed
    /// even when the quantity is above its limit, for example after an operator lowered the limit.
    ///
    /// # Errors
    /// When the write increases a quantity to more than its limit.
    pub fn check_growth(&self, usage: StorageUsage, growth: Growth) -> Result<(), Refusal> {
        let Self { events, bytes, members: _ } = *self;
        let Growth { usage: StorageUsage { events: more_events, bytes: more_bytes }, byte_limit } = growth;
        check(Quota::Events, events, usage.events, more_events)?;
        let reserve = match byte_limit {
            ByteLimit::Quota => 0,
            ByteLimit::QuotaAndReserve => bytes / 8,
            ByteLimit::None => return Ok(()),
        };
        check(Quota::Bytes, bytes, usage.bytes.saturating_sub(reserve), more_bytes)
    }

    /// Decides whether an organization with this number of members may get another member.
    ///
    /// # Errors
    /// When the organization is full.
    pub fn check_new_member(&self, members: i64) -> Result<(), Refusal> {
        check(Quota::Members, self.members, members, 1)
    }
}

fn check(quota: Quota, limit: i64, used: i64, growth: i64) -> Result<(), Refusal> {
    if growth > 0 && used.saturating_add(growth) > limit {
        return Err(Refusal::QuotaExceeded { quota, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTAS: Quotas = Quotas { events: 10, bytes: 800, members: 3 };

    fn growth((events, bytes): (i64, i64), byte_limit: ByteLimit) -> Growth {
        Growth { usage: StorageUsage { events, bytes }, byte_limit }
    }

    #[test]
    fn a_write_is_refused_if_and_only_if_it_increases_a_quantity_above_its_limit() {
        use ByteLimit::{None as Unlimited, Quota as Full, QuotaAndReserve as Reserve};
        for ((events, bytes), growth, exceeded) in [
            ((0, 0), growth((1, 100), Full), None),
            ((9, 700), growth((1, 100), Full), None),
            ((10, 500), growth((1, 100), Full), Some(Quota::Events)),
            ((9, 701), growth((1, 100), Full), Some(Quota::Bytes)),
            ((10, 800), growth((1, 100), Full), Some(Quota::Events)),
            ((10, 800), growth((0, 1), Full), Some(Quota::Bytes)),
            ((11, 2000), growth((0, 0), Full), None),
            ((11, 2000), growth((0, -1), Full), None),
            ((5, i64::MAX), growth((0, 1), Full), Some(Quota::Bytes)),
            // The reserve is an eighth of the quota.
            ((10, 899), growth((0, 1), Reserve), None),
            ((10, 900), growth((0, 1), Reserve), Some(Quota::Bytes)),
            ((11, 2000), growth((0, -1), Reserve), None),
            // A deletion makes room for an event, even if its history entry is larger than the event.
            ((11, 2000), growth((-1, 100), Unlimited), None),
        ] {
            let refused = match QUOTAS.check_growth(StorageUsage { events, bytes }, growth) {
                Ok(()) => None,
                Err(Refusal::QuotaExceeded { quota, limit: _ }) => Some(quota),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(refused, exceeded, "{events} {bytes} {growth:?}");
        }
    }

    #[test]
    fn an_organization_has_at_most_as_many_members_as_its_limit() {
        for (members, is_allowed) in [(0, true), (2, true), (3, false), (4, false)] {
            assert_eq!(QUOTAS.check_new_member(members).is_ok(), is_allowed, "{members}");
        }
    }

    #[test]
    fn the_message_of_a_refusal_names_the_quota() {
        let refused = QUOTAS.check_new_member(3).expect_err("full").message().into_owned();
        assert_eq!(refused, "The organization has reached its limit of members (3).");
        for byte_limit in [ByteLimit::Quota, ByteLimit::QuotaAndReserve] {
            let refused = QUOTAS.check_growth(StorageUsage::default(), growth((1, 2000), byte_limit));
            let refused = refused.expect_err("too long").message().into_owned();
            assert_eq!(refused, "The organization has reached its limit of stored bytes (800).");
        }
    }
}
