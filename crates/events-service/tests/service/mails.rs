//! Tests of the mails that decisions write.

use eventboard_domain::Role;
use eventboard_proto::events::{ApproveRequest, RejectRequest, SubmitRequest};
use eventboard_testing::TestDatabase;
use uuid::Uuid;

use crate::support::{Actor, Organization, Replica};

/// The mails: the kind, the recipient, the reason, and whether the history entry is one of the event.
async fn mails(database: &TestDatabase, event: &str) -> Vec<(String, Uuid, Option<String>, bool)> {
    let mails = r#"
        select kind, "recipientId", reason, "eventId"::text = $1 from "Outbox"
        left join "EventHistory" history on history.id = "historyId"
        where state = 'DUE' and attempts = 0 and "correlationId" <> ''
        order by "Outbox".id
    "#;
    sqlx::query_as(mails).bind(event).fetch_all(&mut database.connect().await).await.unwrap()
}

async fn submitted(owner: &Actor) -> String {
    let id = owner.create_draft("A grand opening").await.id;
    submit(owner, &id).await;
    id
}

async fn submit(owner: &Actor, id: &str) {
    owner.submit(SubmitRequest { id: id.to_owned(), ..Default::default() }).await.unwrap();
}

async fn approve(moderator: &Actor, id: &str) {
    moderator.approve(ApproveRequest { id: id.to_owned(), ..Default::default() }).await.unwrap();
}

#[tokio::test]
async fn the_owner_gets_a_mail_about_each_decision() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let (owner, moderator) =
        (replica.actor(&organization, Role::User), replica.actor(&organization, Role::Moderator));
    let id = submitted(&owner).await;
    let reason = "Too short a notice".to_owned();
    let reject = RejectRequest { id: id.clone(), reason: reason.clone(), ..Default::default() };
    moderator.reject(reject).await.unwrap();
    submit(&owner, &id).await;
    approve(&moderator, &id).await;
    let recipient = owner.identity.user_id;
    assert_eq!(
        mails(&database, &id).await,
        [
            ("EVENT_REJECTED".to_owned(), recipient, Some(reason), true),
            ("EVENT_APPROVED".to_owned(), recipient, None, true)
        ]
    );
}

#[tokio::test]
async fn nobody_gets_a_mail_that_tells_nothing_or_is_not_wanted() {
    for change in [
        r#"update "User" set "decisionMails" = 'off' where role = 'USER'"#,
        r#"update "User" set disabled = true where role = 'USER'"#,
    ] {
        let database = TestDatabase::create().await;
        let (replica, organization) =
            (Replica::start(&database).await, Organization::create(&database).await);
        let id = submitted(&replica.actor(&organization, Role::User)).await;
        sqlx::query(change).execute(&mut database.connect().await).await.unwrap();
        approve(&replica.actor(&organization, Role::Moderator), &id).await;
        assert_eq!(mails(&database, &id).await, [], "{change}");
    }
}

#[tokio::test]
async fn moderators_get_no_mail_about_their_own_decisions() {
    let database = TestDatabase::create().await;
    let (replica, organization) = (Replica::start(&database).await, Organization::create(&database).await);
    let moderator = replica.actor(&organization, Role::Moderator);
    let id = submitted(&moderator).await;
    approve(&moderator, &id).await;
    assert_eq!(mails(&database, &id).await, []);
}
