//! The measured cases and their requests.

use std::{
    io::Write,
    net::SocketAddr,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

use clap::ValueEnum;

use crate::{
    bare,
    client::{CONNECTIONS, Connection, Requests},
    seed::{COMMON_NAME, COMMON_WORD, Organization, Owner, PASSWORD, RARE_WORD},
};

/// A measured case: a request or statement that is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    /// Only the SQL statement of `get`.
    PgbenchSelect,
    /// Only a plain insert of an event.
    PgbenchInsert,
    /// `get` on the bare system, the baseline.
    BareGet,
    /// `create` on the bare system: a plain insert.
    BareCreate,
    /// `get` on the bare system without a database.
    BareGetConstant,
    /// `create` on the bare system without a database.
    BareCreateConstant,
    /// Read one event.
    Get,
    /// `get` with metrics disabled.
    GetUnmeasured,
    /// `get` with all requests traced and exported to a collector.
    GetTraced,
    /// Create an event with a new idempotency key.
    Create,
    /// Repeat a create with one of a few idempotency keys.
    Replay,
    /// Reject an event of the member, who gets a mail, and submit it again.
    Decide,
    /// The same with the administrator's own event: nobody gets a mail.
    DecideOwn,
    ListFirst,
    /// 100 events.
    List100,
    /// `list100` in a content coding.
    List100Gzip,
    List100Brotli,
    List100Zstd,
    /// Page 900.
    ListDeep,
    /// All pages, one after the other by cursor.
    ListCursor,
    SearchHalf,
    SearchRare,
    SearchTwoCharacters,
    SearchNone,
    /// The first members of an organization with as many members as events, at most 100,000.
    Members,
    /// All pages of members, one after the other by cursor.
    MembersCursor,
    /// Some twenty members by name.
    MembersSearchRare,
    /// Members by a name that many have.
    MembersSearchCommon,
    /// No member by name.
    MembersSearchNone,
    Me,
    Login,
}

/// Cases that are measured for organizations of every size.
pub(crate) const LISTING_CASES: [Case; 16] = [
    Case::ListFirst,
    Case::List100,
    Case::List100Gzip,
    Case::List100Brotli,
    Case::List100Zstd,
    Case::ListDeep,
    Case::ListCursor,
    Case::SearchHalf,
    Case::SearchRare,
    Case::SearchTwoCharacters,
    Case::SearchNone,
    Case::Members,
    Case::MembersCursor,
    Case::MembersSearchRare,
    Case::MembersSearchCommon,
    Case::MembersSearchNone,
];

/// Cases that are compared with their baselines. These cases and their baselines are measured alternately.
pub(crate) const COMPARED_CASES: [Case; 13] = [
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
    Case::DecideOwn,
    Case::Decide,
];

/// Cases that call auth-service. Login is last, because the memory for password hashing would affect later cases.
pub(crate) const AUTH_CASES: [Case; 2] = [Case::Me, Case::Login];

/// The number of keys of `replay`. The warm-up uses each key for the first time.
const REPLAYED_KEYS: usize = 100;

const DEEP_PAGE: u32 = 900;

const LIST_100: &str = "/events?limit=100";

const MEMBERS: &str = "/organization/members";

/// An organization and the tokens of its administrator and its member.
#[derive(Clone)]
pub(crate) struct Tenant {
    pub(crate) organization: Organization,
    pub(crate) token: String,
    pub(crate) member_token: String,
}

impl Case {
    pub(crate) fn name(self) -> String {
        self.to_possible_value().unwrap().get_name().to_owned()
    }

    /// The expected status of every response.
    pub(crate) fn expected_status(self) -> u16 {
        match self {
            Self::Create | Self::Replay | Self::BareCreate | Self::BareCreateConstant => 201,
            _ => 200,
        }
    }

    pub(crate) fn applies_to(self, organization: &Organization) -> bool {
        self != Self::ListDeep || organization.size > DEEP_PAGE * 10
    }

    /// The requests that one connection sends.
    pub(crate) fn requests(self, tenant: &Tenant, connection: usize) -> Requests {
        match self {
            Self::BareGet | Self::BareGetConstant | Self::Get | Self::GetUnmeasured | Self::GetTraced => {
                get_random_events(tenant, connection)
            }
            Self::Create | Self::BareCreate | Self::BareCreateConstant => create_events(tenant),
            Self::Replay => replay_creates(tenant, connection),
            Self::Decide => decide(tenant, Owner::Member),
            Self::DecideOwn => decide(tenant, Owner::Admin),
            Self::ListFirst => repeat(get(&tenant.token, "/events")),
            Self::List100 => repeat(get(&tenant.token, LIST_100)),
            Self::List100Gzip => repeat(get_coded(&tenant.token, LIST_100, "gzip")),
            Self::List100Brotli => repeat(get_coded(&tenant.token, LIST_100, "br")),
            Self::List100Zstd => repeat(get_coded(&tenant.token, LIST_100, "zstd")),
            Self::ListDeep => repeat(get(&tenant.token, &format!("/events?page={DEEP_PAGE}"))),
            Self::ListCursor => list_by_cursor(&tenant.token, "/events", usize::MAX),
            Self::SearchHalf => repeat(get(&tenant.token, &format!("/events?search={COMMON_WORD}"))),
            Self::SearchRare => repeat(get(&tenant.token, &format!("/events?search={RARE_WORD}"))),
            Self::SearchTwoCharacters => repeat(get(&tenant.token, "/events?search=ar")),
            Self::SearchNone => repeat(get(&tenant.token, "/events?search=quixotic")),
            Self::Members => repeat(get(&tenant.token, MEMBERS)),
            Self::MembersCursor => list_by_cursor(&tenant.token, MEMBERS, usize::MAX),
            Self::MembersSearchRare => search_members(tenant, RARE_WORD),
            Self::MembersSearchCommon => search_members(tenant, COMMON_NAME),
            Self::MembersSearchNone => search_members(tenant, "quixotic"),
            Self::Me => repeat(get(&tenant.token, "/auth/me")),
            Self::Login => repeat(login(&tenant.organization.login_email(connection))),
            Self::PgbenchSelect | Self::PgbenchInsert => unreachable!("pgbench has no requests"),
        }
    }
}

/// The request for a token.
fn login(email: &str) -> Vec<u8> {
    post("/auth/login", "", &format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#))
}

/// Returns a token of the user.
pub(crate) async fn log_in(gateway: SocketAddr, email: &str) -> String {
    let mut connection = Connection::open(gateway).await.unwrap();
    let status = connection.exchange(&login(email)).await.unwrap();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(connection.body()));
    let session: serde_json::Value = serde_json::from_slice(connection.body()).unwrap();
    session["accessToken"].as_str().unwrap().to_owned()
}

/// The request for a path.
pub(crate) fn get(token: &str, path: &str) -> Vec<u8> {
    get_coded(token, path, "identity")
}

/// The request for a response with this content coding.
fn get_coded(token: &str, path: &str, coding: &str) -> Vec<u8> {
    let fields = format!("host: bench\r\nauthorization: Bearer {token}\r\naccept-encoding: {coding}");
    format!("GET {path} HTTP/1.1\r\n{fields}\r\n\r\n").into()
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

/// The same request again and again.
pub(crate) fn repeat(request: Vec<u8>) -> Requests {
    Box::new(move |_, out| out.extend_from_slice(&request))
}

fn search_members(tenant: &Tenant, name: &str) -> Requests {
    repeat(get(&tenant.token, &format!("{MEMBERS}?search={name}")))
}

fn get_random_events(tenant: &Tenant, connection: usize) -> Requests {
    let organization = tenant.organization.clone();
    let request = String::from_utf8(get(&tenant.token, "/events/*")).unwrap();
    let (before, after) = request.split_once('*').unwrap();
    let (before, after) = (before.to_owned(), after.to_owned());
    // Knuth's linear congruential generator. The quality of the random numbers does not matter here.
    let mut state = connection as u64;
    Box::new(move |_, out| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let n = 1 + ((state >> 33) % u64::from(organization.size)) as u32;
        write!(out, "{before}{}{after}", organization.event(n)).unwrap();
    })
}

fn create_events(tenant: &Tenant) -> Requests {
    /// The next key. Keys are unique in the whole run.
    static NEXT_KEY: AtomicU64 = AtomicU64::new(0);
    let request = String::from_utf8(create(tenant, "*")).unwrap();
    let (before, after) = request.split_once('*').unwrap();
    let (before, after) = (before.to_owned(), after.to_owned());
    Box::new(move |_, out| {
        write!(out, "{before}create-{:020}{after}", NEXT_KEY.fetch_add(1, Ordering::Relaxed)).unwrap();
    })
}

fn replay_creates(tenant: &Tenant, connection: usize) -> Requests {
    let requests: Vec<_> = (0..REPLAYED_KEYS).map(|n| create(tenant, format!("replay-{n:020}"))).collect();
    let mut next = connection * REPLAYED_KEYS / CONNECTIONS;
    Box::new(move |_, out| {
        next = (next + 1) % REPLAYED_KEYS;
        out.extend_from_slice(&requests[next]);
    })
}

/// Rejects and submits an event alternately. Each connection has an event of its own.
fn decide(tenant: &Tenant, owner: Owner) -> Requests {
    static NEXT_EVENT: AtomicU32 = AtomicU32::new(0);
    let event = tenant.organization.submitted_event(owner, NEXT_EVENT.fetch_add(1, Ordering::Relaxed));
    let owner_token = match owner {
        Owner::Admin => &tenant.token,
        Owner::Member => &tenant.member_token,
    };
    let request = |action: &str, token: &str, body: &str| {
        post(&format!("/events/{event}/{action}"), &format!("authorization: Bearer {token}\r\n"), body)
    };
    let reject = request("reject", &tenant.token, r#"{"reason":"Please name a person in charge"}"#);
    let submit = request("submit", owner_token, "");
    let mut is_submitted = true;
    Box::new(move |_, out| {
        out.extend_from_slice(if is_submitted { &reject } else { &submit });
        is_submitted = !is_submitted;
    })
}

/// Requests the page after the previous response. Repeats the page with this number, and begins again after the last one.
pub(crate) fn list_by_cursor(token: &str, path: &'static str, repeated: usize) -> Requests {
    const NEXT_CURSOR: &str = r#""nextCursor":""#;
    let token = token.to_owned();
    let first = get(&token, path);
    let (mut page, mut request) = (0, Vec::new());
    Box::new(move |previous, out| {
        let meta = String::from_utf8_lossy(&previous[previous.len().saturating_sub(1024)..]);
        let cursor = meta.rsplit_once(NEXT_CURSOR).and_then(|(_, rest)| rest.split('"').next());
        (page, request) = match cursor {
            _ if page == repeated => (page, std::mem::take(&mut request)),
            Some(cursor) => (page + 1, get(&token, &format!("{path}?cursor={cursor}"))),
            None => (1, first.clone()),
        };
        out.extend_from_slice(&request);
    })
}
