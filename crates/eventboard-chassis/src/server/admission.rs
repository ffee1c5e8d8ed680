//! Admission control: limits the number of concurrent requests. Requests above the limit are rejected immediately,
//! not queued.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{extract::Request, response::Response};
use metrics::Counter;
use tonic::Status;
use uuid::Uuid;

use super::calls::client_address;
use crate::{
    error::{ErrorCode, ServiceError},
    fairness::{Client, Counts},
    layer::{Inner, Next},
    token::{Identity, VerifiedToken},
};

/// The concurrency limit of one service.
///
/// Each client has at most its share of the places: an organization half and a user a quarter. An address block has half,
/// and a quarter for requests without a token; a service does not know the address of a member. So one organization leaves half of the places to the others, and one user leaves half of the organization's share to the colleagues. Even a
/// quarter is more requests than the services work on at the same time, so a client that is alone loses no throughput.
#[derive(Clone)]
pub struct Admission(Arc<AdmissionParts>);

struct AdmissionParts {
    places: Mutex<Places>,
    shed: ShedRequests,
}

/// The counters of rejected requests, by the limit that was exceeded.
struct ShedRequests {
    all: Counter,
    organization: Counter,
    user: Counter,
    address: Counter,
}

/// Who sends a request.
#[derive(Debug, Clone, Copy)]
pub enum Requester {
    /// A user with a verified token.
    Member {
        /// The organization in the token.
        organization_id: Uuid,
        /// The user in the token.
        user_id: Uuid,
        /// The address block, if the process knows it. A service knows only that of the gateway, which says nothing.
        address_block: Option<IpAddr>,
    },
    /// Anybody without a verified token, from this [`address_block`](crate::fairness::address_block).
    Anonymous(IpAddr),
}

/// The place of an admitted request. Dropping the permit frees the place.
pub struct AdmissionPermit {
    admission: Admission,
    requester: Requester,
}

/// The places and who has them.
struct Places {
    /// The limit.
    total: usize,
    taken: usize,
    /// How many places of each share are taken.
    by_share: Counts<Share>,
}

/// A part of the places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Share {
    /// The members of an organization.
    Organization(Uuid),
    /// A user.
    User(Uuid),
    /// The requests without a token from an address block.
    Anonymous(IpAddr),
    /// All requests from an address block.
    Address(IpAddr),
}

impl Share {
    /// How many of all places it has, at least one.
    fn places(self, total: usize) -> usize {
        let places = match self {
            Self::Organization(_) | Self::Address(_) => total / 2,
            Self::User(_) | Self::Anonymous(_) => total / 4,
        };
        places.max(1)
    }

    fn client(self) -> Client {
        match self {
            Self::Organization(id) => Client::Organization(id),
            Self::User(id) => Client::User(id),
            Self::Anonymous(address) | Self::Address(address) => Client::Address(address),
        }
    }
}

/// Why a request gets no place.
#[derive(Debug, PartialEq, Eq)]
enum Shortage {
    /// All places are taken.
    NoPlace,
    /// This share is taken.
    ShareTaken(Share),
}

/// Returns the counter of the requests that were rejected under overload. `reason` says which limit was exceeded.
pub fn shed_requests(reason: &'static str) -> Counter {
    metrics::counter!("eventboard_shed_requests_total", "reason" => reason)
}

impl Requester {
    /// A user with this token.
    pub fn member(token: &VerifiedToken, address_block: Option<IpAddr>) -> Self {
        let Identity { organization_id, user_id, role: _, session: _ } = token.identity;
        Self::Member { organization_id, user_id, address_block }
    }

    /// Who sends a gRPC call: the user of the verified token, or else anybody from the client's address block.
    pub(crate) fn of_call(request: &Request) -> Self {
        match request.extensions().get::<VerifiedToken>() {
            Some(token) => Self::member(token, None),
            None => Self::Anonymous(client_address(request.extensions())),
        }
    }

    /// The client that holds the memory for the request and for its response: the address block, if it is known,
    /// because it decides how fast both are transferred.
    pub fn sender(self) -> Client {
        match self {
            Self::Member { address_block: Some(address), organization_id: _, user_id: _ }
            | Self::Anonymous(address) => Client::Address(address),
            Self::Member { address_block: None, organization_id, user_id: _ } => {
                Client::Organization(organization_id)
            }
        }
    }

    /// The shares in which the request counts.
    fn shares(self) -> impl Iterator<Item = Share> {
        let shares = match self {
            Self::Member { organization_id, user_id, address_block } => [
                Some(Share::Organization(organization_id)),
                Some(Share::User(user_id)),
                address_block.map(Share::Address),
            ],
            Self::Anonymous(address) => {
                [Some(Share::Anonymous(address)), Some(Share::Address(address)), None]
            }
        };
        shares.into_iter().flatten()
    }
}

impl Admission {
    /// Creates a limit of `max_requests` concurrent requests.
    pub fn new(max_requests: u32) -> Self {
        let shed = ShedRequests {
            all: shed_requests("concurrency"),
            organization: shed_requests("organization_share"),
            user: shed_requests("user_share"),
            address: shed_requests("address_share"),
        };
        Self(Arc::new(AdmissionParts { places: Mutex::new(Places::new(max_requests as usize)), shed }))
    }

    /// Returns a permit. The request counts until its permit is dropped.
    ///
    /// # Errors
    /// `Overloaded` when the limit is reached, or the requester's share of it.
    pub fn admit(&self, requester: Requester) -> Result<AdmissionPermit, ServiceError> {
        self.places().take(requester).map_err(|shortage| self.refuse(&shortage))?;
        Ok(AdmissionPermit { admission: self.clone(), requester })
    }

    fn refuse(&self, shortage: &Shortage) -> ServiceError {
        let ShedRequests { all, organization, user, address } = &self.0.shed;
        let (counter, error) = match shortage {
            Shortage::NoPlace => {
                let message = "The service is overloaded. Try again shortly.";
                (all, ServiceError::new(ErrorCode::Overloaded, message))
            }
            Shortage::ShareTaken(share) => {
                let counter = match share {
                    Share::Organization(_) => organization,
                    Share::User(_) => user,
                    Share::Anonymous(_) | Share::Address(_) => address,
                };
                (counter, share.client().share_exhausted())
            }
        };
        counter.increment(1);
        error
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AdmissionPermit {
    fn drop(&mut self) {
        self.admission.places().free(self.requester);
    }
}

impl Places {
    fn new(total: usize) -> Self {
        Self { total, taken: 0, by_share: Counts::default() }
    }

    fn take(&mut self, requester: Requester) -> Result<(), Shortage> {
        if self.taken >= self.total {
            return Err(Shortage::NoPlace);
        }
        for share in requester.shares() {
            if self.by_share.get(&share) >= share.places(self.total) {
                return Err(Shortage::ShareTaken(share));
            }
        }
        self.taken += 1;
        for share in requester.shares() {
            self.by_share.add(share, 1);
        }
        Ok(())
    }

    fn free(&mut self, requester: Requester) {
        self.taken -= 1;
        for share in requester.shares() {
            self.by_share.remove(share, 1);
        }
    }
}

/// Admits a gRPC call, or responds with `RESOURCE_EXHAUSTED`. The gateway does not retry such a call.
pub(super) async fn admit_call(admission: Admission, request: Request, next: Next<impl Inner>) -> Response {
    match admission.admit(Requester::of_call(&request)) {
        Ok(_permit) => next.run(request).await,
        Err(error) => Status::from(error).into_http(),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, net::Ipv4Addr};

    use proptest::prelude::*;

    use super::*;

    fn member(organization: u128, user: u128) -> Requester {
        Requester::Member {
            organization_id: Uuid::from_u128(organization),
            user_id: Uuid::from_u128(user),
            address_block: None,
        }
    }

    fn member_from(address: u8, organization: u128) -> Requester {
        Requester::Member {
            organization_id: Uuid::from_u128(organization),
            user_id: Uuid::from_u128(organization),
            address_block: Some(Ipv4Addr::new(192, 0, 2, address).into()),
        }
    }

    fn anonymous(number: u8) -> Requester {
        Requester::Anonymous(Ipv4Addr::new(192, 0, 2, number).into())
    }

    /// Takes places until one is refused. Returns how many there were, and why the last one was refused.
    fn fill(places: &mut Places, mut requesters: impl FnMut(u128) -> Requester) -> (u128, Shortage) {
        let mut taken = 0;
        loop {
            match places.take(requesters(taken)) {
                Ok(()) => taken += 1,
                Err(shortage) => return (taken, shortage),
            }
        }
    }

    fn organization(number: u128) -> Share {
        Share::Organization(Uuid::from_u128(number))
    }

    #[test]
    fn an_organization_has_at_most_half_of_the_places_and_the_others_get_the_rest() {
        let mut places = Places::new(512);
        let filled = fill(&mut places, |number| member(1, 100 + number));
        assert_eq!(filled, (256, Shortage::ShareTaken(organization(1))));
        assert_eq!(fill(&mut places, |number| member(2, 1000 + number)), (256, Shortage::NoPlace));
    }

    #[test]
    fn a_user_or_an_address_has_at_most_a_quarter() {
        let mut places = Places::new(512);
        let user = Share::User(Uuid::from_u128(7));
        assert_eq!(fill(&mut places, |_| member(1, 7)), (128, Shortage::ShareTaken(user)));
        let address = Share::Anonymous(Ipv4Addr::new(192, 0, 2, 1).into());
        assert_eq!(fill(&mut places, |_| anonymous(1)), (128, Shortage::ShareTaken(address)));
        assert_eq!(places.take(member(1, 8)), Ok(()), "a colleague");
        assert_eq!(places.take(anonymous(2)), Ok(()), "another address");
    }

    #[test]
    fn many_organizations_at_one_address_have_at_most_half() {
        let mut places = Places::new(512);
        let address = Share::Address(Ipv4Addr::new(192, 0, 2, 1).into());
        let filled = fill(&mut places, |number| member_from(1, number));
        assert_eq!(filled, (256, Shortage::ShareTaken(address)));
        assert_eq!(places.take(member_from(2, 0)), Ok(()), "another address");
    }

    #[test]
    fn a_share_is_at_least_one_place() {
        let mut places = Places::new(1);
        assert_eq!(places.take(member(1, 1)), Ok(()));
        places.free(member(1, 1));
        assert_eq!(places.take(anonymous(1)), Ok(()));
    }

    #[test]
    fn the_message_of_a_refusal_says_whose_share_is_taken() {
        let admission = Admission::new(2);
        let _place = admission.admit(member(1, 1)).expect("a place");
        let refused = admission.admit(member(1, 2)).err().expect("the organization has its share");
        assert_eq!(refused.code(), ErrorCode::Overloaded);
        assert!(refused.message().starts_with("Your organization has too many requests"));
        let _place = admission.admit(member(2, 3)).expect("the place of the others");
        let refused = admission.admit(anonymous(1)).err().expect("no place");
        assert!(refused.message().starts_with("The service is overloaded"));
    }

    #[tokio::test]
    async fn a_request_that_panics_or_is_cancelled_frees_its_place() {
        let admission = Admission::new(1);
        let place = admission.admit(member(1, 1)).expect("a place");
        let panicking = tokio::spawn(async move {
            let _place = place;
            panic!("on purpose");
        });
        assert!(panicking.await.is_err());
        let place = admission.admit(member(2, 2)).expect("a place");
        let cancelled = tokio::spawn(async move {
            let _place = place;
            std::future::pending::<()>().await;
        });
        cancelled.abort();
        assert!(cancelled.await.is_err());
        assert!(admission.admit(member(3, 3)).is_ok());
        assert!(admission.places().by_share.is_empty());
    }

    fn any_requester() -> impl Strategy<Value = Requester> {
        prop_oneof![
            (0..3_u128, 0..3_u128)
                .prop_map(|(organization, user)| member(organization, organization * 10 + user)),
            (0..3_u8).prop_map(anonymous),
            (0..3_u8, 0..3_u128).prop_map(|(address, organization)| member_from(address, organization)),
        ]
    }

    proptest! {
        #[test]
        fn the_counts_are_right_after_any_sequence_of_requests(
            total in 1..20_usize,
            steps in prop::collection::vec(prop_oneof![
                3 => any_requester().prop_map(Ok),
                2 => any::<prop::sample::Index>().prop_map(Err),
            ], 0..200),
        ) {
            let (mut places, mut admitted) = (Places::new(total), Vec::new());
            for step in steps {
                match step {
                    Ok(requester) => if places.take(requester).is_ok() { admitted.push(requester) },
                    Err(index) if !admitted.is_empty() => {
                        places.free(admitted.remove(index.index(admitted.len())));
                    }
                    Err(_) => {}
                }
                let mut expected = HashMap::new();
                for share in admitted.iter().flat_map(|requester| requester.shares()) {
                    *expected.entry(share).or_insert(0) += 1;
                }
                prop_assert_eq!(places.by_share.as_map(), &expected);
                prop_assert_eq!(places.taken, admitted.len());
                prop_assert!(places.taken <= total);
                for (share, taken) in &expected {
                    prop_assert!(*taken <= share.places(total));
                }
            }
        }
    }
}
