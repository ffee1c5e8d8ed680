//! Tests of the normal forms of addresses that the release before has written.

use std::{sync::Mutex, time::Duration};

use eventboard_chassis::config::{Env, read};
use eventboard_db::DatabaseConfig;
use eventboard_domain::normalize_email;
use eventboard_testing::TestDatabase;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

const ORGANIZATION: &str = r#"
    insert into "Organization" (id, name, slug) values ('00000000-0000-0000-0000-000000000000', 'Acme', 'acme')"#;

/// The statement with which the release before creates a user, at a given time.
const CREATE_USER: &str = r#"
    insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash", "createdAt")
    select $1, id, $2, 'Ada', 'Lovelace', 'USER', '$argon2id$x', to_timestamp($3) from "Organization""#;

/// The addresses and their forms, the oldest user first. A twin's id is left out.
const FORMS: &str = r#"
    select email, replace("normalizedEmail", id::text, '') from "User" order by "createdAt", id"#;

struct Users {
    database: TestDatabase,
    connection: PgConnection,
}

impl Users {
    /// Creates users with these addresses as the release before does, one after the other.
    async fn create(emails: &[&str]) -> Self {
        let database = TestDatabase::create().await;
        let mut connection = database.connect().await;
        sqlx::raw_sql(ORGANIZATION).execute(&mut connection).await.unwrap();
        let mut users = Self { database, connection };
        for (number, email) in (1..).zip(emails) {
            create_user(&mut users.connection, email, number).await;
        }
        users
    }

    fn config(&self) -> DatabaseConfig {
        let env = [("DATABASE_URL".to_owned(), self.database.url().to_owned())].into_iter().collect();
        read(env, |env: &mut Env| DatabaseConfig::from_env(env, "tests")).unwrap()
    }

    async fn migrate(&self) {
        crate::migrate(&self.config()).await.unwrap();
    }

    async fn forms(&mut self) -> Vec<(String, Option<String>)> {
        sqlx::query_as(FORMS).fetch_all(&mut self.connection).await.unwrap()
    }

    /// Migrates and asserts that these are the forms, also after another migration, which writes nothing.
    async fn assert_forms(&mut self, expected: &[Option<&str>]) {
        let versions = r#"select array_agg(xmin::text order by id) from "User""#;
        self.migrate().await;
        let written: Vec<String> =
            sqlx::query_scalar(versions).fetch_one(&mut self.connection).await.unwrap();
        self.migrate().await;
        let again: Vec<String> = sqlx::query_scalar(versions).fetch_one(&mut self.connection).await.unwrap();
        assert_eq!(again, written);
        let forms = self.forms().await;
        let forms: Vec<_> = forms.iter().map(|(_, form)| form.as_deref()).collect();
        assert_eq!(forms, expected);
    }

    /// The address of the user that is found with what somebody typed.
    async fn find(&mut self, typed: &str) -> Option<String> {
        let find = sqlx::query_scalar("select email from user_with_email($1, $2)");
        let find = find.bind(typed).bind(normalize_email(typed));
        find.fetch_optional(&mut self.connection).await.unwrap()
    }

    async fn assert_finds(&mut self, typed: &str, expected: &str) {
        assert_eq!(self.find(typed).await.as_deref(), Some(expected), "{typed:?}");
    }
}

async fn create_user(connection: &mut PgConnection, email: &str, second: i32) {
    let create = sqlx::query(CREATE_USER).bind(Uuid::now_v7()).bind(email).bind(f64::from(second));
    create.execute(connection).await.unwrap();
}

#[tokio::test]
async fn a_user_of_the_release_before_is_found_in_every_spelling() {
    let emails = ["Ada@Example.org", "Größe@Bücher.example", "émile@example.org"];
    let mut users = Users::create(&emails).await;
    users.assert_finds("Größe@Bücher.example", "Größe@Bücher.example").await;
    users.assert_forms(&[None, Some("grösse@xn--bcher-kva.example"), None]).await;
    users.assert_finds("ADA@example.org", "Ada@Example.org").await;
    for spelling in ["GRO\u{308}SSE@BÜCHER.example", "grösse@xn--bcher-kva.example"] {
        users.assert_finds(spelling, "Größe@Bücher.example").await;
    }
    users.assert_finds("E\u{301}MILE@example.org", "émile@example.org").await;
    for unknown in ["ada@example.com", "grosse@bücher.example", "", "größe"] {
        assert_eq!(users.find(unknown).await, None, "{unknown:?}");
    }
}

#[tokio::test]
async fn the_newer_of_two_users_with_one_address_becomes_the_twin() {
    let decomposed = "e\u{301}mile@example.org";
    for [older, newer] in [
        ["émile@example.org", decomposed],
        [decomposed, "émile@example.org"],
        ["straße@example.org", "STRASSE@example.org"],
        ["strasse@example.org", "Straße@example.org"],
        ["a@bücher.example", "a@xn--bcher-kva.example"],
        ["A@XN--bcher-KVA.example", "a@Bücher.example"],
    ] {
        let mut users = Users::create(&[older, newer]).await;
        let normalized = normalize_email(older);
        let expected = (older.to_lowercase() != normalized).then_some(&*normalized);
        let twin = format!("{normalized}#");
        users.assert_forms(&[expected, Some(&twin)]).await;
        users.assert_finds(older, older).await;
        users.assert_finds(newer, newer).await;
        users.assert_finds(&normalized.to_uppercase(), older).await;
    }
}

#[tokio::test]
async fn the_oldest_of_three_users_with_one_address_keeps_it() {
    let spellings = ["größe@example.org", "grösse@example.org", "gro\u{308}ße@example.org"];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let emails = order.map(|spelling: usize| spellings[spelling]);
        let mut users = Users::create(&emails).await;
        let keeps = (emails[0] != "grösse@example.org").then_some("grösse@example.org");
        let twin = Some("grösse@example.org#");
        users.assert_forms(&[keeps, twin, twin]).await;
        for email in emails {
            users.assert_finds(email, email).await;
        }
        users.assert_finds("GRÖSSE@example.org", emails[0]).await;
    }
}

#[tokio::test]
async fn more_users_than_a_batch_has_are_normalized() {
    let mut users = Users::create(&[]).await;
    let create = r#"
        insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash", "createdAt")
        select gen_random_uuid(), id, 'größe' || number || '@example.org', 'F', 'L', 'USER', '$argon2id$x',
            to_timestamp(number / 300)
        from "Organization", generate_series(1, 1200) number"#;
    sqlx::raw_sql(create).execute(&mut users.connection).await.unwrap();
    users.migrate().await;
    let forms = users.forms().await;
    assert_eq!(forms.len(), 1200);
    assert!(forms.iter().all(|(email, form)| *form == Some(normalize_email(email))));
}

#[tokio::test]
async fn an_address_that_a_signup_takes_meanwhile_is_left_to_the_next_migration() {
    let mut users = Users::create(&["straße@example.org"]).await;
    let mut other = users.database.connect().await;
    let mut signup = other.begin().await.unwrap();
    create_user(&mut signup, "strasse@example.org", 2).await;
    let waiting = "select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'";
    let (config, reports) = (users.config(), Mutex::new(Vec::new()));
    let report = |message: &str| reports.lock().unwrap().push(message.to_owned());
    let commit = async {
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut users.connection).await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        signup.commit().await.unwrap();
    };
    let (migrated, ()) = tokio::join!(eventboard_db::migrate(&config, &report), commit);
    migrated.unwrap();
    let left =
        "Users whose addresses are normalized by the next migration, because they changed meanwhile: 1";
    assert_eq!(reports.into_inner().unwrap(), [left]);
    let forms = users.forms().await;
    assert!(forms.iter().all(|(_, form)| form.is_none()), "{forms:?}");
    users.assert_forms(&[Some("strasse@example.org"), Some("strasse@example.org#")]).await;
}

#[tokio::test]
async fn no_two_users_have_one_address() {
    let mut users = Users::create(&["größe@example.org"]).await;
    users.migrate().await;
    let create = sqlx::query(CREATE_USER).bind(Uuid::now_v7()).bind("GRÖSSE@example.org").bind(2.0);
    let error = create.execute(&mut users.connection).await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().constraint(), Some("user_normalized_email_key"));
}

#[tokio::test]
async fn a_user_is_found_with_two_indexes() {
    let mut users = Users::create(&[]).await;
    let settings = "set enable_seqscan = off; set plan_cache_mode = force_generic_plan;
        prepare find(text, text) as select * from user_with_email($1, $2)";
    sqlx::raw_sql(settings).execute(&mut users.connection).await.unwrap();
    let plan: Vec<String> =
        sqlx::query_scalar("explain execute find('', '')").fetch_all(&mut users.connection).await.unwrap();
    let plan = plan.join("\n");
    assert!(!plan.contains("Function Scan"), "the function is not inlined:\n{plan}");
    for index in ["user_email_key", "user_normalized_email_key"] {
        assert!(plan.contains(index), "no {index}:\n{plan}");
    }
}
