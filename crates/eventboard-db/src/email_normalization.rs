//! Stores the form in which addresses are compared, for those accounts whose form PostgreSQL cannot compute.

use chrono::{DateTime, Utc};
use eventboard_domain::normalize_email;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::statement::InstrumentStatement;

/// The number of accounts that one statement reads.
const BATCH_SIZE: i64 = 500;

/// Separates the form of an address from the id of a twin. No domain contains it.
const TWIN_MARK: char = '#';

/// An account whose address has other characters than those of ASCII.
struct Account {
    id: Uuid,
    email: String,
    created_at: DateTime<Utc>,
    compared_email: String,
}

/// Another account whose address has the same form.
struct Twin {
    id: Uuid,
    created_at: DateTime<Utc>,
}

/// Stores the form of each address that has other characters than those of ASCII. Where two accounts have the same form, the older one
/// keeps it, and the form of the newer one is made unique: they are twins. Accounts that have their form already stay as they are.
/// Returns the number of new twins.
///
/// # Errors
/// When a statement fails, except that an account whose form a concurrent signup has taken is left to the next migration.
pub(crate) async fn normalize_emails(connection: &mut PgConnection) -> sqlx::Result<usize> {
    let (mut twins, mut after) = (0, (DateTime::UNIX_EPOCH, Uuid::nil()));
    loop {
        let accounts = load_batch(connection, after).await?;
        let Some(last) = accounts.last() else { return Ok(twins) };
        after = (last.created_at, last.id);
        for account in accounts {
            match normalize(connection, &account).await {
                Ok(is_new_twin) => twins += usize::from(is_new_twin),
                Err(error) if is_taken(&error) => {
                    tracing::warn!(user_id = %account.id, "The form of an address is taken; migrate again");
                }
                Err(error) => return Err(error),
            }
        }
    }
}

async fn load_batch(
    connection: &mut PgConnection,
    (created_at, id): (DateTime<Utc>, Uuid),
) -> sqlx::Result<Vec<Account>> {
    sqlx::query_as!(
        Account,
        r#"
        select id, email, "createdAt" as created_at, coalesce("normalizedEmail", lower(email)) as "compared_email!"
        from "User" where email ~ '[^[:ascii:]]' and ("createdAt", id) > ($1, $2)
        order by "createdAt", id limit $3
        "#,
        created_at,
        id,
        BATCH_SIZE
    )
    .fetch_all(connection)
    .instrumented("SELECT User")
    .await
}

/// Returns whether there is a new twin.
async fn normalize(connection: &mut PgConnection, account: &Account) -> sqlx::Result<bool> {
    let normal = normalize_email(&account.email);
    if account.compared_email == normal || account.compared_email == twin_form(&normal, account.id) {
        return Ok(false);
    }
    let mut transaction = connection.begin().await?;
    let twin = find_holder(&mut transaction, &normal).await?;
    match &twin {
        Some(older) if (older.created_at, older.id) < (account.created_at, account.id) => {
            store(&mut transaction, account.id, &twin_form(&normal, account.id)).await?;
        }
        Some(newer) => {
            store(&mut transaction, newer.id, &twin_form(&normal, newer.id)).await?;
            store(&mut transaction, account.id, &normal).await?;
        }
        None => store(&mut transaction, account.id, &normal).await?,
    }
    transaction.commit().await?;
    Ok(twin.is_some())
}

fn twin_form(normal: &str, id: Uuid) -> String {
    format!("{normal}{TWIN_MARK}{id}")
}

async fn find_holder(connection: &mut PgConnection, normal: &str) -> sqlx::Result<Option<Twin>> {
    sqlx::query_as!(
        Twin,
        r#"
        select id, "createdAt" as created_at from "User" where coalesce("normalizedEmail", lower(email)) = $1
        for no key update
        "#,
        normal
    )
    .fetch_optional(connection)
    .instrumented("SELECT User")
    .await
}

async fn store(connection: &mut PgConnection, id: Uuid, compared_email: &str) -> sqlx::Result<()> {
    sqlx::query!(
        r#"update "User" set "normalizedEmail" = nullif($2, lower(email)) where id = $1"#,
        id,
        compared_email
    )
    .execute(connection)
    .instrumented("UPDATE User")
    .await?;
    Ok(())
}

fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}
