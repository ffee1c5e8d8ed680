//! Creates organizations with many events. The database itself generates the rows.

use auth_service::password::Argon2id;
use futures::future::join_all;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use crate::client::CONNECTIONS;

/// The password of all users.
pub(crate) const PASSWORD: &str = "Password123!";

/// A word that occurs in every second event.
pub(crate) const COMMON_WORD: &str = "workshop";

/// A word that occurs in about twenty events of each organization, and the last name of about twenty members.
pub(crate) const RARE_WORD: &str = "zeppelin";

/// The first name of every tenth member.
pub(crate) const COMMON_NAME: &str = "Philippa";

/// The most members of an organization, which is the default limit.
const MAX_MEMBERS: u32 = 100_000;

/// The number of submitted events of each of the two users, for the cases that decide about events.
const SUBMITTED_EVENTS: u32 = 1024;

/// An organization with an administrator, and a member.
#[derive(Clone)]
pub(crate) struct Organization {
    /// The number that is part of all ids.
    number: u16,
    pub(crate) size: u32,
    pub(crate) id: Uuid,
    pub(crate) admin: Uuid,
    pub(crate) email: String,
    member: Uuid,
    pub(crate) member_email: String,
}

/// Who owns an event that is to be decided about.
#[derive(Clone, Copy)]
pub(crate) enum Owner {
    Admin,
    Member,
}

impl Organization {
    pub(crate) fn new(number: u16, size: u32) -> Self {
        let id = Uuid::from_u128(0x1000_0000_0000_7000_8000_0000_0000_0000 | u128::from(number));
        let admin = Uuid::from_u128(0x2000_0000_0000_7000_8000_0000_0000_0000 | u128::from(number));
        let member = Uuid::from_u128(0x3000_0000_0000_7000_8000_0000_0000_0000 | u128::from(number));
        let [email, member_email] = ["admin", "member"].map(|name| format!("{name}{number}@bench.example"));
        Self { number, size, id, admin, email, member, member_email }
    }

    /// The id of event `n`, from 1 to the size.
    pub(crate) fn event(&self, n: u32) -> Uuid {
        let time = 0x018C_0000_0000 + u128::from(n);
        Uuid::from_u128((time << 80) | 0x7000_8000_0000_0000_0000 | (u128::from(self.number) << 64))
    }

    /// The id of a submitted event.
    pub(crate) fn submitted_event(&self, owner: Owner, n: u32) -> Uuid {
        self.event(self.size + 1 + owner as u32 * SUBMITTED_EVENTS + n % SUBMITTED_EVENTS)
    }

    /// The address of the user who logs in over a connection. Many logins of one user at once would be throttled.
    pub(crate) fn login_email(&self, connection: usize) -> String {
        format!("login-{connection}@bench-{}.example", self.number)
    }

    /// A SQL expression for the id of event `n`, where `n` is also a SQL expression.
    pub(crate) fn event_sql(&self, n: &str) -> String {
        let suffix = format!("7{:03x}8000000000000000", self.number);
        format!("(lpad(to_hex(x'018c00000000'::bigint + {n}), 12, '0') || '{suffix}')::uuid")
    }
}

/// Fills the migrated database. The indexes are created in parallel after the rows, because that is much faster.
pub(crate) async fn seed(url: &str, organizations: &[Organization]) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let indexes: Vec<(String, String)> = sqlx::query_as(
        r#"select indexname, indexdef from pg_indexes where tablename = 'Event' and indexname <> 'event_pkey'"#,
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    for (name, _) in &indexes {
        execute(&mut connection, format!("drop index {name}")).await;
    }
    // Disables all triggers, most of which check foreign keys, because the generated rows always satisfy them.
    execute(&mut connection, "set session_replication_role = replica".to_owned()).await;
    execute(&mut connection, create_phrases()).await;
    let hash = Argon2id::default().hash(&PASSWORD.into()).unwrap();
    for organization in organizations {
        execute(&mut connection, insert_organization(organization, &hash)).await;
    }
    join_all(indexes.iter().map(|(_, definition)| create_index(url, definition))).await;
    execute(&mut connection, "vacuum analyze".to_owned()).await;
    execute(&mut connection, "checkpoint".to_owned()).await;
    connection.close().await.unwrap();
}

async fn create_index(url: &str, definition: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    execute(&mut connection, "set maintenance_work_mem = '512MB'".to_owned()).await;
    execute(&mut connection, definition.to_owned()).await;
    connection.close().await.unwrap();
}

async fn execute(connection: &mut PgConnection, statement: String) {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.unwrap();
}

/// The statement that creates the phrases: ten words each, in different orders.
fn create_phrases() -> String {
    format!(
        r#"
        create temporary table phrase as
        select number, (array_agg(word order by hashint8(number * 64 + place)))[1:10] as word
        from generate_series(0, {PHRASES} - 1) number,
            string_to_table('{WORDS}', ' ') with ordinality words (word, place)
        group by number
        "#
    )
}

fn insert_organization(organization: &Organization, hash: &str) -> String {
    let Organization { number, size, id, admin, email, member, member_email } = organization;
    let event = organization.event_sql("n");
    let rare = (size / 20).max(1);
    let members = (*size).min(MAX_MEMBERS);
    let rare_member = (members / 20).max(1);
    format!(
        r#"
        insert into "Organization" (id, name, slug) values ('{id}', 'Bench {number}', 'bench-{number}');
        insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
        values ('{admin}', '{id}', '{email}', 'Ada', 'Admin', 'ADMIN', '{hash}'),
            ('{member}', '{id}', '{member_email}', 'Grace', 'Member', 'USER', '{hash}');
        insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
        select gen_random_uuid(), '{id}', 'login-' || n || '@bench-{number}.example', 'Lin', 'Login', 'USER', '{hash}'
        from generate_series(0, {CONNECTIONS} - 1) n;
        insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
        select gen_random_uuid(), '{id}', 'person-' || n || '@bench-{number}.example',
            case n % 10 when 0 then '{COMMON_NAME}' else initcap(word[1]) end,
            case n % {rare_member} when 0 then initcap('{RARE_WORD}') else initcap(word[2]) || n end, 'USER', '{hash}'
        from generate_series(1, {members}) n join phrase on number = hashint4(n) & ({PHRASES} - 1);
        insert into "Event" (id, "organizationId", "createdById", title, description, location, "startDate", "endDate",
            status, "rejectionReason", "createdAt", "updatedAt", "foldedTitle", "searchText", "foldedVersion")
        select {event}, '{id}', case when n > {size} + {SUBMITTED_EVENTS} then '{member}' else '{admin}' end::uuid,
            title, description,
            case when n % 4 <> 0 then initcap(word[3]) || ' hall' end, start, start + interval '2 hours',
            status, case status when 'REJECTED' then 'Please name a person in charge' end, created, created,
            lower(title), lower(title) || U&'\001F' || description, 1
        from (
            select n, hashint4(n) & ({PHRASES} - 1) as number,
                timestamptz '2027-01-01 00:00Z' + (hashint4(n + 13) & 1048575) * interval '1 minute' as start,
                case when n > {size} then 'SUBMITTED'
                    else (enum_range(null::"EventStatus"))[1 + (hashint4(n + 17) & 3)] end as status,
                timestamptz '2024-01-01 00:00Z' + n * interval '1 minute' as created
            from generate_series(1, {size} + 2 * {SUBMITTED_EVENTS}) n
        ) event join phrase using (number),
            concat_ws(' ', initcap(word[1]), word[2], n) title,
            concat_ws(' ', array_to_string(word, ' '), case when n % 2 = 0 then '{COMMON_WORD}' end,
                case when n % {rare} = 0 then '{RARE_WORD}' end) description
        "#
    )
}

/// The number of different descriptions, apart from the two words above. It must be a power of two.
const PHRASES: u32 = 4096;

/// The words of titles and descriptions.
const WORDS: &str = "annual autumn board breakfast budget bridge campus charity circle client closing coding \
community company culture customer data demo design dinner engineering evening family festival finance garden \
global green hackathon harvest health history holiday innovation journey kitchen language leadership library local \
market meeting mentor morning music network office opening partner people planning product quarterly research \
science security spring strategy summer summit support team travel winter";
