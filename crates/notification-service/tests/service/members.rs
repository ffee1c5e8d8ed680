//! Mails to members whose role was changed, who were disabled or who were deleted.

use eventboard_chassis::correlation::CorrelationId;
use eventboard_db::{
    Actor, MemberWrite, Removal, change_member, delete_organization, lock_for_removal, lock_member,
    lock_organization, remove_member,
};
use eventboard_domain::{MemberChange, Role};
use sqlx::Connection;
use uuid::Uuid;

use crate::{
    sending::{count, envelope, send_due, text_of},
    smtp_server::{Fault::Reply, Point, SmtpServer},
    support::{Outbox, Service},
};

const ACME: Uuid = Uuid::from_u128(1);
const OLGA: Uuid = Uuid::from_u128(2);

const ADDRESSES: &str = r#"select count(*) from "Outbox" where "toEmail" is not null"#;

/// Changes Olga as the operator does.
async fn change(outbox: &Outbox, role: Option<Role>, disabled: Option<bool>) {
    let correlation = CorrelationId::new();
    let write = MemberWrite { actor: Actor::Operator, correlation: &correlation, force: true };
    let mut connection = outbox.connect().await;
    let mut transaction = connection.begin().await.unwrap();
    lock_organization(&mut transaction, ACME).await.unwrap();
    let olga = lock_member(&mut transaction, ACME, OLGA).await.unwrap().unwrap();
    let change = MemberChange { role, disabled };
    assert!(change_member(&mut transaction, &olga, change, write).await.unwrap());
    transaction.commit().await.unwrap();
}

/// Deletes Olga as the operator does.
async fn delete(outbox: &Outbox) {
    let correlation = CorrelationId::new();
    let write = MemberWrite { actor: Actor::Operator, correlation: &correlation, force: true };
    let mut connection = outbox.connect().await;
    let mut transaction = connection.begin().await.unwrap();
    let olga = lock_for_removal(&mut transaction, ACME, OLGA).await.unwrap().unwrap();
    let removal = remove_member(&mut transaction, &olga, None, write).await.unwrap();
    assert_eq!(removal, Removal::Member);
    transaction.commit().await.unwrap();
}

/// Sends what is due, which is one mail. Returns its recipient, its subject and its text.
async fn sent_mail(outbox: &Outbox) -> ((String, String), String) {
    let mails = send_due(outbox).await;
    let [mail] = &mails[..] else { panic!("{} mails", mails.len()) };
    let headers = String::from_utf8_lossy(mail);
    assert!(!headers.contains("List-Unsubscribe"), "{headers}");
    (envelope(mail), text_of(mail))
}

#[tokio::test]
async fn a_changed_role_is_named_with_what_one_can_do() {
    for (role, named, can_do) in [
        (Role::Moderator, "You are a moderator of Acme", "publish and send back all events"),
        (Role::Admin, "You are an admin of Acme", "members, invitations and settings"),
    ] {
        let outbox = Outbox::create().await;
        outbox.execute(r#"update "User" set "decisionMails" = 'off'"#).await;
        change(&outbox, Some(role), None).await;
        let (envelope, text) = sent_mail(&outbox).await;
        let subject = "Your role in Acme <b>&</b> Söhne".to_owned();
        assert_eq!(envelope, ("Olga@example.org".into(), subject));
        assert!(text.starts_with(named) && text.contains(can_do), "{text}");
    }
}

#[tokio::test]
async fn the_mail_names_the_present_role() {
    let outbox = Outbox::create().await;
    change(&outbox, Some(Role::Admin), None).await;
    outbox.execute(r#"update "User" set role = 'USER' where "firstName" = 'Olga'"#).await;
    let (_, text) = sent_mail(&outbox).await;
    assert!(text.starts_with("You are a member of Acme"), "{text}");
}

#[tokio::test]
async fn a_user_who_was_disabled_is_told_so() {
    let outbox = Outbox::create().await;
    change(&outbox, None, Some(true)).await;
    let (envelope, text) = sent_mail(&outbox).await;
    assert_eq!(envelope, ("Olga@example.org".into(), "Your account was disabled".into()));
    assert!(text.starts_with("An admin disabled your account in Acme"), "{text}");
}

#[tokio::test]
async fn a_user_who_was_enabled_again_is_not_told_of_the_past() {
    let outbox = Outbox::create().await;
    change(&outbox, None, Some(true)).await;
    change(&outbox, None, Some(false)).await;
    assert!(send_due(&outbox).await.is_empty());
}

/// Only a verified address gets a mail about a deletion.
const VERIFY: &str = r#"update "User" set "emailVerifiedAt" = now()"#;

#[tokio::test]
async fn an_address_that_nobody_has_verified_gets_no_mail_about_a_deletion() {
    let outbox = Outbox::create().await;
    delete(&outbox).await;
    assert!(send_due(&outbox).await.is_empty());
}

#[tokio::test]
async fn somebody_who_was_deleted_is_told_so_and_then_nothing_keeps_the_address() {
    let outbox = Outbox::create().await;
    outbox.execute(VERIFY).await;
    delete(&outbox).await;
    assert_eq!(count(&outbox, ADDRESSES).await, 1);
    let (envelope, text) = sent_mail(&outbox).await;
    assert_eq!(envelope, ("Olga@example.org".into(), "Your account was deleted".into()));
    assert!(text.contains("stay there under “Former member”"), "{text}");
    assert!(text.contains("by an admin of Acme"), "{text}");
    assert_eq!(count(&outbox, ADDRESSES).await, 0);
}

#[tokio::test]
async fn the_members_of_a_deleted_organization_are_told_so() {
    let outbox = Outbox::create().await;
    outbox.execute(VERIFY).await;
    let correlation = CorrelationId::new();
    let write = MemberWrite { actor: Actor::Operator, correlation: &correlation, force: true };
    let mut connection = outbox.connect().await;
    let mut transaction = connection.begin().await.unwrap();
    assert!(lock_organization(&mut transaction, ACME).await.unwrap());
    delete_organization(&mut transaction, ACME, None, write).await.unwrap();
    transaction.commit().await.unwrap();
    let mails = send_due(&outbox).await;
    assert_eq!(mails.len(), 2);
    for mail in mails {
        let text = text_of(&mail);
        assert!(text.contains("together with its organization and all events there"), "{text}");
    }
    assert_eq!(count(&outbox, ADDRESSES).await, 0);
}

/// The operator may have it sent again.
#[tokio::test]
async fn a_mail_about_a_deletion_that_cannot_be_sent_keeps_the_address() {
    let outbox = Outbox::create().await;
    outbox.execute(VERIFY).await;
    delete(&outbox).await;
    let server = SmtpServer::start_with(Some((Point::Recipient, Reply("550 5.1.1 unknown")))).await;
    let service = Service::start(&outbox, &[("SMTP_URL", &server.url())]).await;
    let rows = outbox.wait_until_attempted().await;
    service.stop().await;
    assert_eq!((rows[0].state.as_str(), count(&outbox, ADDRESSES).await), ("DEAD", 1));
}
