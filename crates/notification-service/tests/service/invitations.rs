//! Invitations: who gets one, and what it says to somebody who has an account already.

use eventboard_chassis::{
    config::Env,
    correlation::CorrelationId,
    link_token::{LinkVerifier, PresentedLink},
    server::Origin,
    token::TokenConfig,
};
use eventboard_db::{Actor, create_invitation, end_invitation};
use eventboard_domain::{InvitationEnd, NewInvitation, Role};
use sqlx::Connection;
use uuid::Uuid;

use crate::{
    sending::{count, envelope, send_due, text_of},
    support::Outbox,
};

const ACME: Uuid = Uuid::from_u128(1);
const MAX: Uuid = Uuid::from_u128(3);

/// Another organization with a member.
const GLOBEX: &str = r#"
    insert into "Organization" (id, name, slug) values ('00000000-0000-0000-0000-000000000011', 'Globex', 'globex');
    insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
    values ('00000000-0000-0000-0000-000000000012', '00000000-0000-0000-0000-000000000011', 'Gina@Example.org', 'Gina',
        'Globe', 'USER', '$argon2id$');
"#;

const SEND_AGAIN: &str = r#"update "Outbox" set state = 'DUE', "dueAt" = now(), "finishedAt" = null"#;

/// Max invites somebody, or the operator does. Returns the invitation.
async fn invite(outbox: &Outbox, email: &str, role: Role, inviter: Option<Uuid>) -> Uuid {
    let correlation = CorrelationId::new();
    let origin = Origin { address: "192.0.2.0/24".into(), client: None, correlation_id: correlation.clone() };
    let actor = match inviter {
        Some(_) => Actor::Client { user_id: inviter, origin: &origin },
        None => Actor::Operator,
    };
    let invitation = NewInvitation { email: email.to_owned(), role };
    let mut connection = outbox.connect().await;
    let mut transaction = connection.begin().await.unwrap();
    let id = create_invitation(&mut transaction, ACME, &invitation, actor, &correlation).await.unwrap();
    transaction.commit().await.unwrap();
    id
}

async fn withdraw(outbox: &Outbox, id: Uuid) {
    let mut connection = outbox.connect().await;
    let ended = end_invitation(&mut connection, ACME, id, InvitationEnd::Withdrawn, Actor::Operator).await;
    assert!(ended.unwrap());
}

/// Invites somebody and sends the mail. Returns its text.
async fn invited_text(outbox: &Outbox, email: &str, role: Role, inviter: Option<Uuid>) -> String {
    invite(outbox, email, role, inviter).await;
    let mails = send_due(outbox).await;
    let [mail] = &mails[..] else { panic!("{} mails", mails.len()) };
    text_of(mail)
}

/// Whether auth-service would accept the token in a text.
async fn has_genuine_token(outbox: &Outbox, text: &str) -> bool {
    let begin = "https://board.example.org/board/join?token=";
    let token = text.lines().find_map(|line| line.trim().strip_prefix(begin)).expect("a link");
    let presented = PresentedLink::parse(token).unwrap();
    let seed = sqlx::query_scalar(r#"select seed from "Invitation" where id = $1"#).bind(presented.link_id);
    let seed: Vec<u8> = seed.fetch_one(&mut outbox.connect().await).await.unwrap();
    let mut env = Env::from_iter([("HOST".to_owned(), "127.0.0.1".to_owned())]);
    LinkVerifier::new(&TokenConfig::from_env(&mut env)).is_genuine(&presented, &seed.try_into().unwrap())
}

#[tokio::test]
async fn an_invitation_reaches_an_address_without_an_account_and_has_a_link() {
    let outbox = Outbox::create().await;
    invite(&outbox, "Nina@New.example", Role::Moderator, Some(MAX)).await;
    let mails = send_due(&outbox).await;
    let [mail] = &mails[..] else { panic!("{} mails", mails.len()) };
    assert_eq!(envelope(mail), ("Nina@new.example".into(), "Invitation: Acme <b>&</b> Söhne".into()));
    let text = text_of(mail);
    assert!(text.starts_with("Max Moderator invited you to Acme <b>&<"), "{text}");
    assert!(text.contains(" as a moderator. "), "{text}");
    assert!(has_genuine_token(&outbox, &text).await, "{text}");
    let headers = String::from_utf8_lossy(mail);
    assert!(!headers.contains("List-Unsubscribe"), "{headers}");
}

#[tokio::test]
async fn an_invitation_of_the_operator_names_nobody() {
    let outbox = Outbox::create().await;
    let text = invited_text(&outbox, "nina@new.example", Role::Admin, None).await;
    assert!(text.starts_with("An admin invited you to "), "{text}");
    assert!(text.contains(" as an admin. "), "{text}");
}

#[tokio::test]
async fn a_member_of_another_organization_is_told_what_to_do_and_not_which_one() {
    let outbox = Outbox::create().await;
    outbox.execute(GLOBEX).await;
    let text = invited_text(&outbox, "gina@example.ORG", Role::User, Some(MAX)).await;
    assert!(text.contains("you have an account with this address in another organization"), "{text}");
    assert!(text.contains("delete your account first and then open the link"), "{text}");
    assert!(!text.contains("Globex"), "{text}");
    assert!(has_genuine_token(&outbox, &text).await, "{text}");
}

#[tokio::test]
async fn a_member_of_the_organization_has_nothing_to_do_and_gets_no_link() {
    let outbox = Outbox::create().await;
    let text = invited_text(&outbox, "OLGA@example.org", Role::Admin, Some(MAX)).await;
    assert!(text.contains("There is nothing to do"), "{text}");
    assert!(!text.contains("token="), "{text}");
}

#[tokio::test]
async fn an_address_gets_three_invitations_in_an_hour_and_shares_the_limit_with_links() {
    let outbox = Outbox::create().await;
    for email in ["nina@new.example", "NINA@new.example", "nina@NEW.example"] {
        invited_text(&outbox, email, Role::User, Some(MAX)).await;
    }
    invite(&outbox, "nina@new.example", Role::User, Some(MAX)).await;
    assert!(send_due(&outbox).await.is_empty(), "the fourth one");
    outbox.write("VERIFY_EMAIL", 2).await;
    assert_eq!(send_due(&outbox).await.len(), 2, "another address is not affected");
    invited_text(&outbox, "olga@example.org", Role::User, Some(MAX)).await;
    outbox.write("VERIFY_EMAIL", 1).await;
    assert!(send_due(&outbox).await.is_empty(), "the fourth mail to this one");
}

#[tokio::test]
async fn an_invitation_that_is_sent_again_is_the_same_and_does_not_count_again() {
    let outbox = Outbox::create().await;
    let first = invited_text(&outbox, "nina@new.example", Role::User, Some(MAX)).await;
    for _ in 0..4 {
        outbox.execute(SEND_AGAIN).await;
        let again = send_due(&outbox).await;
        assert_eq!(again.iter().map(|mail| text_of(mail)).collect::<Vec<_>>(), [&*first]);
    }
    let counted = r#"select cardinality("sentAt")::bigint from "RequestedMail""#;
    assert_eq!(count(&outbox, counted).await, 1);
}

#[tokio::test]
async fn an_invitation_that_got_no_mail_gets_none_when_its_row_is_sent_again() {
    let outbox = Outbox::create().await;
    for _ in 0..3 {
        invited_text(&outbox, "nina@new.example", Role::User, Some(MAX)).await;
    }
    invite(&outbox, "nina@new.example", Role::User, Some(MAX)).await;
    assert!(send_due(&outbox).await.is_empty());
    outbox.execute(r#"delete from "Outbox" where "countedAt" is not null"#).await;
    outbox.execute(SEND_AGAIN).await;
    assert!(send_due(&outbox).await.is_empty());
}

#[tokio::test]
async fn an_invitation_that_ended_or_expired_is_not_sent_and_does_not_count() {
    let outbox = Outbox::create().await;
    let withdrawn = invite(&outbox, "nina@new.example", Role::User, Some(MAX)).await;
    withdraw(&outbox, withdrawn).await;
    invite(&outbox, "otto@new.example", Role::User, Some(MAX)).await;
    outbox.execute(r#"update "Invitation" set "expiresAt" = now()"#).await;
    assert!(send_due(&outbox).await.is_empty());
    assert_eq!(count(&outbox, r#"select count(*) from "RequestedMail""#).await, 0);
}

#[tokio::test]
async fn an_invitation_that_ends_before_it_is_sent_again_is_not_sent_again() {
    let outbox = Outbox::create().await;
    let id = invite(&outbox, "nina@new.example", Role::User, Some(MAX)).await;
    assert_eq!(send_due(&outbox).await.len(), 1);
    withdraw(&outbox, id).await;
    outbox.execute(SEND_AGAIN).await;
    assert!(send_due(&outbox).await.is_empty());
}

#[tokio::test]
async fn an_invitation_to_an_organization_that_is_gone_is_not_sent() {
    let outbox = Outbox::create().await;
    invite(&outbox, "nina@new.example", Role::User, None).await;
    outbox.execute(r#"delete from "Event"; delete from "User"; delete from "Organization""#).await;
    assert!(send_due(&outbox).await.is_empty());
}
