//! The form in which the addresses of accounts are compared.

use eventboard_chassis::config::read;
use eventboard_db::DatabaseConfig;
use eventboard_domain::normalize_email;
use eventboard_testing::TestDatabase;

use crate::migrate;

/// A database in which the release before has created accounts with these addresses, the oldest first.
async fn database(emails: &[&str]) -> TestDatabase {
    let database = TestDatabase::create().await;
    let organization = r#"
        insert into "Organization" (id, name, slug) values ('00000000-0000-0000-0000-000000000000', 'Acme', 'acme')
    "#;
    let mut connection = database.connect().await;
    sqlx::raw_sql(organization).execute(&mut connection).await.unwrap();
    for (age, email) in emails.iter().rev().enumerate() {
        let user = r#"
            insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash", "createdAt")
            values (gen_random_uuid(), '00000000-0000-0000-0000-000000000000', $1, 'F', 'L', 'USER', '$argon2id$',
                now() - make_interval(days => $2))
        "#;
        let age = i32::try_from(age).unwrap();
        sqlx::query(user).bind(email).bind(age).execute(&mut connection).await.unwrap();
    }
    normalize(&database).await;
    database
}

async fn normalize(database: &TestDatabase) {
    let env = [("DATABASE_URL".to_owned(), database.url().to_owned())].into_iter().collect();
    migrate(&read(env, |env| DatabaseConfig::from_env(env, "tests")).unwrap()).await.unwrap();
}

/// The address of the account that a typed one finds.
async fn found(database: &TestDatabase, typed: &str) -> Option<String> {
    sqlx::query_scalar("select email from user_with_email($1, $2)")
        .bind(typed)
        .bind(normalize_email(typed))
        .fetch_optional(&mut database.connect().await)
        .await
        .unwrap()
}

/// The addresses whose form is made unique, and the number of addresses whose form is stored.
async fn twins(database: &TestDatabase) -> (Vec<String>, i64) {
    let twins = r#"select email from "User" where "normalizedEmail" like '%#' || id order by "createdAt""#;
    let stored = r#"select count("normalizedEmail") from "User""#;
    let mut connection = database.connect().await;
    let twins = sqlx::query_scalar(twins).fetch_all(&mut connection).await.unwrap();
    (twins, sqlx::query_scalar(stored).fetch_one(&mut connection).await.unwrap())
}

#[tokio::test]
async fn an_account_is_found_by_every_spelling_of_its_address() {
    let database = database(&["Größe@Bücher.example", "Ada@Example.org"]).await;
    for typed in ["Größe@Bücher.example", "GRÖSSE@xn--bcher-kva.example", "gro\u{308}ße@bücher.example"]
    {
        assert_eq!(found(&database, typed).await.as_deref(), Some("Größe@Bücher.example"), "{typed}");
    }
    assert_eq!(found(&database, "ADA@example.org").await.as_deref(), Some("Ada@Example.org"));
    assert_eq!(found(&database, "größe@example.org").await, None);
    assert_eq!(twins(&database).await, (vec![], 1), "nothing is stored for addresses of ASCII characters");
}

#[tokio::test]
async fn of_accounts_with_one_address_the_oldest_keeps_it_and_the_others_need_their_exact_spelling() {
    let spellings = ["straße@a.de", "STRASSE@a.de", "strasſe@a.de"];
    let database = database(&spellings).await;
    assert_eq!(twins(&database).await.0, spellings[1..]);
    for spelling in spellings {
        assert_eq!(found(&database, spelling).await.as_deref(), Some(spelling));
    }
    for other in ["STRAẞE@a.de", "Strasse@A.de"] {
        assert_eq!(found(&database, other).await.as_deref(), Some(spellings[0]), "{other}");
    }
}

#[tokio::test]
async fn the_newer_twin_may_have_an_address_of_ascii_characters() {
    let spellings = ["ada@bücher.example", "ada@xn--bcher-kva.example"];
    let database = database(&spellings).await;
    assert_eq!(twins(&database).await, (vec![spellings[1].to_owned()], 2));
    assert_eq!(found(&database, "Ada@BÜCHER.example").await.as_deref(), Some(spellings[0]));
    assert_eq!(found(&database, spellings[1]).await.as_deref(), Some(spellings[1]));
}

#[tokio::test]
async fn normalizing_again_changes_nothing() {
    let database = database(&["é@a.de", "e\u{301}@a.de", "ß@a.de", "ss@a.de", "plain@a.de"]).await;
    let versions = r#"select xmin::text || coalesce("normalizedEmail", '') from "User" order by id"#;
    let mut connection = database.connect().await;
    let before: Vec<String> = sqlx::query_scalar(versions).fetch_all(&mut connection).await.unwrap();
    assert_eq!(twins(&database).await.0, ["e\u{301}@a.de", "ss@a.de"]);
    normalize(&database).await;
    let after: Vec<String> = sqlx::query_scalar(versions).fetch_all(&mut connection).await.unwrap();
    assert_eq!(before, after);
}
