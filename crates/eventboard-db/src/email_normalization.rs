//! Sets the normal forms of addresses that a release without them has written, and finds twins: users who have one address in
//! different spellings.

use chrono::{DateTime, Utc};
use eventboard_domain::normalize_email;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::statement::InstrumentStatement;

/// The number of users that are read at once.
const BATCH_SIZE: i64 = 500;

/// The place of a user in the order of age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Age {
    created_at: DateTime<Utc>,
    id: Uuid,
}

/// A user whose normal form can be another one than the address in lower case.
struct FoundUser {
    id: Uuid,
    created_at: DateTime<Utc>,
    email: String,
    /// The form in which the address is compared at present.
    compared: String,
}

impl FoundUser {
    fn age(&self) -> Age {
        Age { created_at: self.created_at, id: self.id }
    }

    fn is_settled(&self) -> bool {
        self.compared == normalize_email(&self.email) || self.compared.ends_with(&suffix(self.id))
    }
}

/// Who becomes the twin of whom.
#[derive(Debug, PartialEq, Eq)]
enum Settlement {
    /// Nobody else has the address.
    TakesAddress,
    /// Somebody newer has it, and becomes the twin.
    TakesAddressFrom(Uuid),
    /// Somebody older has it.
    BecomesTwin,
    /// Somebody has it whose own normal form is another one and is not set yet.
    Waits,
}

/// What was done about a user.
enum Settled {
    Alone,
    Twin,
    /// Somebody has taken the address meanwhile, or does not have their own form yet; or the user is gone.
    LeftToNextRun,
}

/// Sets the normal forms that are missing, the oldest user first, because the oldest keeps an address. Repeating it changes
/// nothing. It reads only the users whose addresses are not ASCII. `report` gets the number of new twins, if there are any.
///
/// # Errors
/// When a statement fails.
pub(crate) async fn normalize_emails(
    connection: &mut PgConnection,
    report: &(dyn Fn(&str) + Sync),
) -> sqlx::Result<()> {
    let (mut last, mut twins, mut left) = (None, 0, 0);
    loop {
        let users = load_users_after(connection, last).await?;
        let Some(newest) = users.last() else { break };
        last = Some(newest.age());
        for user in users.iter().filter(|user| !user.is_settled()) {
            match settle(connection, user.id).await? {
                Settled::Alone => {}
                Settled::Twin => twins += 1,
                Settled::LeftToNextRun => left += 1,
            }
        }
    }
    if twins > 0 {
        report(&format!(
            "Users have the address of an older user in another spelling: {twins}; `eventboard user list --twins` shows them"
        ));
    }
    if left > 0 {
        report(&format!(
            "Users whose addresses are normalized by the next migration, because they changed meanwhile: {left}"
        ));
    }
    Ok(())
}

async fn load_users_after(connection: &mut PgConnection, last: Option<Age>) -> sqlx::Result<Vec<FoundUser>> {
    sqlx::query_as!(
        FoundUser,
        r#"
        select id, "createdAt" as created_at, email, coalesce("normalizedEmail", lower(email)) as "compared!"
        from "User"
        where octet_length(email) <> char_length(email)
            and ("createdAt", id) > (coalesce($1::timestamptz, '-infinity'), $2::uuid)
        order by "createdAt", id
        limit $3
        "#,
        last.map(|age| age.created_at),
        last.map_or(Uuid::nil(), |age| age.id),
        BATCH_SIZE,
    )
    .fetch_all(connection)
    .instrumented("SELECT User not in ASCII")
    .await
}

/// Gives a user the normal form of the address, or a form of their own if an older one has it.
async fn settle(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Settled> {
    match try_settle(connection, id).await {
        Err(error) if is_taken(&error) => Ok(Settled::LeftToNextRun),
        settled => settled,
    }
}

async fn try_settle(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Settled> {
    let mut transaction = connection.begin().await?;
    // What was read before can be outdated by now.
    let Some(user) = lock_user(&mut transaction, id).await? else { return Ok(Settled::LeftToNextRun) };
    let normalized = normalize_email(&user.email);
    let holder = lock_holder(&mut transaction, &normalized, id).await?;
    let settled = match settlement(&user, holder.as_ref()) {
        Settlement::TakesAddress => {
            set_form(&mut transaction, id, &normalized).await?;
            Settled::Alone
        }
        Settlement::TakesAddressFrom(newer) => {
            set_form(&mut transaction, newer, &(normalized.clone() + &suffix(newer))).await?;
            set_form(&mut transaction, id, &normalized).await?;
            Settled::Twin
        }
        Settlement::BecomesTwin => {
            set_form(&mut transaction, id, &(normalized + &suffix(id))).await?;
            Settled::Twin
        }
        Settlement::Waits => Settled::LeftToNextRun,
    };
    transaction.commit().await?;
    Ok(settled)
}

/// Decides about a user whose normal form the holder has, if there is one.
fn settlement(user: &FoundUser, holder: Option<&FoundUser>) -> Settlement {
    match holder {
        None => Settlement::TakesAddress,
        Some(holder) if normalize_email(&holder.email) != normalize_email(&user.email) => Settlement::Waits,
        Some(holder) if user.age() < holder.age() => Settlement::TakesAddressFrom(holder.id),
        Some(_) => Settlement::BecomesTwin,
    }
}

/// What makes the form of a twin unique. No domain contains `#`, so it is no normal form of an address.
fn suffix(id: Uuid) -> String {
    format!("#{id}")
}

/// Whether a user with the same form, or with the same address in lower case, was there first.
fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}

async fn lock_user(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<FoundUser>> {
    sqlx::query_as!(
        FoundUser,
        r#"
        select id, "createdAt" as created_at, email, coalesce("normalizedEmail", lower(email)) as "compared!"
        from "User" where id = $1 for no key update
        "#,
        id
    )
    .fetch_optional(connection)
    .instrumented("SELECT User")
    .await
}

/// Locks the other user whose normal form it is.
async fn lock_holder(
    connection: &mut PgConnection,
    normalized: &str,
    id: Uuid,
) -> sqlx::Result<Option<FoundUser>> {
    sqlx::query_as!(
        FoundUser,
        r#"
        select id, "createdAt" as created_at, email, coalesce("normalizedEmail", lower(email)) as "compared!"
        from "User"
        where coalesce("normalizedEmail", lower(email)) = $1 and id <> $2
        for no key update
        "#,
        normalized,
        id
    )
    .fetch_optional(connection)
    .instrumented("SELECT User by address")
    .await
}

async fn set_form(connection: &mut PgConnection, id: Uuid, form: &str) -> sqlx::Result<()> {
    sqlx::query!(r#"update "User" set "normalizedEmail" = nullif($2, lower(email)) where id = $1"#, id, form)
        .execute(connection)
        .instrumented("UPDATE normalizedEmail")
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(second: i64, id: u128, email: &str) -> FoundUser {
        FoundUser {
            id: Uuid::from_u128(id),
            created_at: DateTime::from_timestamp(second, 0).expect("a time"),
            email: email.to_owned(),
            compared: email.to_lowercase(),
        }
    }

    #[test]
    fn the_older_user_keeps_the_address() {
        let user_of = |second, id| user(second, id, "STRASSE@example.org");
        for (holder, expected) in [
            (None, Settlement::TakesAddress),
            (Some(user_of(6, 1)), Settlement::TakesAddressFrom(Uuid::from_u128(1))),
            (Some(user_of(4, 3)), Settlement::BecomesTwin),
            (Some(user_of(5, 1)), Settlement::BecomesTwin),
            (Some(user_of(5, 3)), Settlement::TakesAddressFrom(Uuid::from_u128(3))),
        ] {
            assert_eq!(settlement(&user(5, 2, "straße@example.org"), holder.as_ref()), expected);
        }
    }

    #[test]
    fn a_user_whose_form_is_not_set_yet_is_no_twin() {
        // PostgreSQL takes the first one for `i@example.org` in lower case.
        let holder = user(6, 1, "İ@example.org");
        assert_eq!(settlement(&user(5, 2, "i@ｅxample.org"), Some(&holder)), Settlement::Waits);
    }

    #[test]
    fn a_user_is_settled_with_the_normal_form_or_as_a_twin() {
        let with_form =
            |compared: &str| FoundUser { compared: compared.to_owned(), ..user(5, 2, "Straße@example.org") };
        let twin = "strasse@example.org#00000000-0000-0000-0000-000000000002";
        assert!(with_form("strasse@example.org").is_settled() && with_form(twin).is_settled());
        assert!(!with_form("straße@example.org").is_settled());
    }
}
