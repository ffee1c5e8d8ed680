//! What is measured, and the requests of it.

use std::{
    io::Write,
    sync::atomic::{AtomicU64, Ordering},
};

use clap::ValueEnum;

use crate::{
    bare,
    client::{CONNECTIONS, Requests},
    seed::{COMMON_WORD, Organization, PASSWORD, RARE_WORD},
};

/// One thing to do over and over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    /// The statement of `get` and nothing else.
    PgbenchSelect,
    /// A plain insert of an event and nothing else.
    PgbenchInsert,
    /// `get` on the bare system.
    BareGet,
    /// `create` on the bare system: a plain insert.
    BareCreate,
    /// `get` on the bare system without a database.
    BareGetConstant,
    /// `create` on the bare system without a database.
    BareCreateConstant,
    /// One event.
    Get,
    /// The same where no metrics are kept.
    GetUnmeasured,
    /// The same where all requests are traced, and a collector takes the spans.
    GetTraced,
    /// A new event, under a key of its own.
    Create,
    /// The same again, under one of a few keys.
    Replay,
    ListFirst,
    /// Page 900.
    ListDeep,
    /// All pages, from cursor to cursor.
    ListCursor,
    SearchHalf,
    SearchRare,
    SearchTwoCharacters,
    SearchNone,
    Me,
    Login,
}

/// Listings, for organizations of every size.
pub(crate) const OF_EVERY_SIZE: [Case; 7] = [
    Case::ListFirst,
    Case::ListDeep,
    Case::ListCursor,
    Case::SearchHalf,
    Case::SearchRare,
    Case::SearchTwoCharacters,
    Case::SearchNone,
];

/// Floors and what stands on them, in turn.
pub(crate) const COMPARED: [Case; 11] = [
    Case::PgbenchSelect,
    Case::BareGetConstant,
    Case::BareGet,
    Case::Get,
    Case::GetUnmeasured,
    Case::GetTraced,
    Case::PgbenchInsert,
    Case::BareCreate,
    Case::Create,
    Case::BareCreateConstant,
    Case::Replay,
];

/// Users. Passwords come last: their memory shows in what is measured after them.
pub(crate) const AT_THE_END: [Case; 2] = [Case::Me, Case::Login];

/// Keys of `replay`, which its warm-up uses for the first time.
const REPLAYED_KEYS: usize = 100;

const DEEP_PAGE: u32 = 900;

/// An organization, and its administrator's token.
#[derive(Clone)]
pub(crate) struct Tenant {
    pub(crate) organization: Organization,
    pub(crate) token: String,
}

impl Case {
    pub(crate) fn name(self) -> String {
        self.to_possible_value().unwrap().get_name().to_owned()
    }

    /// The status of every answer.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Create | Self::Replay | Self::BareCreate | Self::BareCreateConstant => 201,
            _ => 200,
        }
    }

    pub(crate) fn applies_to(self, organization: &Organization) -> bool {
        self != Self::ListDeep || organization.size > DEEP_PAGE * 10
    }

    /// The requests of one of the connections.
    pub(crate) fn requests(self, tenant: &Tenant, connection: usize) -> Requests {
        match self {
            Self::BareGet | Self::BareGetConstant | Self::Get | Self::GetUnmeasured | Self::GetTraced => {
                random_events(tenant, connection)
            }
            Self::Create | Self::BareCreate | Self::BareCreateConstant => creations(tenant),
            Self::Replay => replays(tenant, connection),
            Self::ListFirst => always(get(tenant, "/events")),
            Self::ListDeep => always(get(tenant, &format!("/events?page={DEEP_PAGE}"))),
            Self::ListCursor => walk(tenant),
            Self::SearchHalf => always(get(tenant, &format!("/events?search={COMMON_WORD}"))),
            Self::SearchRare => always(get(tenant, &format!("/events?search={RARE_WORD}"))),
            Self::SearchTwoCharacters => always(get(tenant, "/events?search=ar")),
            Self::SearchNone => always(get(tenant, "/events?search=quixotic")),
            Self::Me => always(get(tenant, "/auth/me")),
            Self::Login => always(login(&tenant.organization)),
            Self::PgbenchSelect | Self::PgbenchInsert => unreachable!("pgbench has no requests"),
        }
    }
}

/// The request for a token.
pub(crate) fn login(organization: &Organization) -> Vec<u8> {
    let body = format!(r#"{{"email":"{}","password":"{PASSWORD}"}}"#, organization.email);
    post("/auth/login", "", &body)
}

fn get(tenant: &Tenant, path: &str) -> Vec<u8> {
    let token = &tenant.token;
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\r\n").into()
}

fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         {headers}\r\n{body}"
    )
    .into()
}

fn create(tenant: &Tenant, key: impl std::fmt::Display) -> Vec<u8> {
    let [title, description, location] = bare::TEXTS;
    let body = format!(
        r#"{{"title":"{title}","description":"{description}","location":"{location}","startDate":"2027-10-01T09:00:00Z","endDate":"2027-10-02T17:00:00Z"}}"#
    );
    let token = &tenant.token;
    post("/events", &format!("authorization: Bearer {token}\r\nidempotency-key: {key}\r\n"), &body)
}

fn always(request: Vec<u8>) -> Requests {
    Box::new(move |_, out| out.extend_from_slice(&request))
}

fn random_events(tenant: &Tenant, connection: usize) -> Requests {
    let organization = tenant.organization.clone();
    let request = String::from_utf8(get(tenant, "/events/*")).unwrap();
    let (before, after) = request.split_once('*').unwrap();
    let (before, after) = (before.to_owned(), after.to_owned());
    // Knuth's generator: any will do.
    let mut state = connection as u64;
    Box::new(move |_, out| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let n = 1 + ((state >> 33) % u64::from(organization.size)) as u32;
        write!(out, "{before}{}{after}", organization.event(n)).unwrap();
    })
}

fn creations(tenant: &Tenant) -> Requests {
    /// For the whole run.
    static KEY: AtomicU64 = AtomicU64::new(0);
    let request = String::from_utf8(create(tenant, "*")).unwrap();
    let (before, after) = request.split_once('*').unwrap();
    let (before, after) = (before.to_owned(), after.to_owned());
    Box::new(move |_, out| {
        write!(out, "{before}create-{:020}{after}", KEY.fetch_add(1, Ordering::Relaxed)).unwrap();
    })
}

fn replays(tenant: &Tenant, connection: usize) -> Requests {
    let requests: Vec<_> = (0..REPLAYED_KEYS).map(|n| create(tenant, format!("replay-{n:020}"))).collect();
    let mut next = connection * REPLAYED_KEYS / CONNECTIONS;
    Box::new(move |_, out| {
        next = (next + 1) % REPLAYED_KEYS;
        out.extend_from_slice(&requests[next]);
    })
}

/// Goes on where the answer before has ended, and from the beginning after the last page.
fn walk(tenant: &Tenant) -> Requests {
    const NEXT: &str = r#""nextCursor":""#;
    let tenant = tenant.clone();
    let first = get(&tenant, "/events");
    Box::new(move |last, out| {
        let meta = String::from_utf8_lossy(&last[last.len().saturating_sub(1024)..]);
        let cursor = meta.rsplit_once(NEXT).and_then(|(_, rest)| rest.split('"').next());
        match cursor {
            Some(cursor) => out.extend(get(&tenant, &format!("/events?cursor={cursor}"))),
            None => out.extend_from_slice(&first),
        }
    })
}
