//! Mails that somebody asked for: who gets one, with which link.

use mail_parser::MessageParser;

use crate::{
    sending::{count, envelope, send_due, text_of},
    support::Outbox,
};

/// Asks for a link so many times, as auth-service does, and sends what is due. Returns the mails.
async fn sent(outbox: &Outbox, typed: &str, times: i32) -> Vec<Vec<u8>> {
    let insert = r#"
        insert into "Outbox" (id, kind, "correlationId", "typedEmail", "clientAddress", client)
        select gen_random_uuid(), 'PASSWORD_RESET', 'a-request', $1, '192.0.2.0/24', 'a browser'
        from generate_series(1, $2)
    "#;
    let insert = sqlx::query(insert).bind(typed).bind(times);
    insert.execute(&mut outbox.connect().await).await.unwrap();
    send_due(outbox).await
}

const REQUESTS: &str = r#"select count(*) from "AuditEntry" 
    where action = 'PASSWORD_RESET_REQUESTED' and "correlationId" = 'a-request' and address = '192.0.2.0/24' and client = 'a browser'"#;
const TYPED: &str = r#"select count(*) from "Outbox" where "typedEmail" is not null or client is not null"#;

#[tokio::test]
async fn the_mail_goes_to_the_address_as_stored_and_has_a_link() {
    let outbox = Outbox::create().await;
    outbox.execute(r#"update "User" set "decisionMails" = 'off'"#).await;
    let mails = sent(&outbox, "oLGA@example.ORG", 1).await;
    let [mail] = &mails[..] else { panic!("{} mails", mails.len()) };
    let parsed = MessageParser::default().parse(mail).unwrap();
    assert_eq!(parsed.subject(), Some("Set a new password"));
    assert_eq!(parsed.to().unwrap().first().unwrap().address(), Some("Olga@example.org"));
    assert!(
        text_of(mail).contains("https://board.example.org/board/reset-password?token="),
        "{}",
        text_of(mail)
    );
    assert_eq!((count(&outbox, REQUESTS).await, count(&outbox, TYPED).await), (1, 0));
}

#[tokio::test]
async fn nobody_gets_a_mail_for_an_unknown_or_disabled_account() {
    let outbox = Outbox::create().await;
    assert!(sent(&outbox, "nobody@example.org", 1).await.is_empty());
    outbox.execute(r#"update "User" set disabled = true"#).await;
    assert!(sent(&outbox, "olga@example.org", 1).await.is_empty());
    assert_eq!((count(&outbox, REQUESTS).await, count(&outbox, TYPED).await), (0, 0));
}

#[tokio::test]
async fn a_user_gets_three_mails_in_an_hour_and_ten_in_a_day() {
    let outbox = Outbox::create().await;
    assert_eq!(sent(&outbox, "olga@example.org", 5).await.len(), 3);
    for links in [3, 3, 1, 0] {
        let an_hour_later = r#"
            update "RequestedMail" set "sentAt" = array(select at - interval '1 hour' from unnest("sentAt") at)
        "#;
        outbox.execute(an_hour_later).await;
        assert_eq!(sent(&outbox, "olga@example.org", 5).await.len(), links);
    }
    assert_eq!(sent(&outbox, "max@example.org", 1).await.len(), 1, "another user is not affected");
}

#[tokio::test]
async fn a_mail_that_is_sent_again_has_the_same_link_and_an_expired_one_is_not_sent() {
    let outbox = Outbox::create().await;
    let first = sent(&outbox, "olga@example.org", 1).await;
    let again = r#"update "Outbox" set state = 'DUE', "dueAt" = now(), "finishedAt" = null"#;
    outbox.execute(again).await;
    let second = send_due(&outbox).await;
    assert_eq!(text_of(&first[0]), text_of(&second[0]));
    outbox.execute(again).await;
    outbox.execute(r#"update "AccountLink" set "expiresAt" = now()"#).await;
    assert!(send_due(&outbox).await.is_empty());
}

/// Writes the mails about the address that Olga wants, as auth-service does, and sends what is due.
async fn change_sent(outbox: &Outbox, new_email: &'static str) -> Vec<Vec<u8>> {
    let change = r#"
        with olga as (
            update "User" set "pendingEmail" = $1, "pendingEmailExpiresAt" = now() + interval '1 day'
            where "firstName" = 'Olga' returning id, "organizationId", email
        )
        insert into "Outbox" (id, kind, "organizationId", "recipientId", "correlationId", "toEmail")
        select gen_random_uuid(), kind, "organizationId", olga.id, 'a-request', to_email
        from olga, (values ('CONFIRM_EMAIL', $1), ('EMAIL_CHANGE_REQUESTED', null)) mail (kind, typed),
            coalesce(typed, olga.email) to_email
    "#;
    sqlx::query(change).bind(new_email).execute(&mut outbox.connect().await).await.unwrap();
    send_due(outbox).await
}

/// To whom, with which subject, and whether it has a link with a token.
fn envelopes(mails: &[Vec<u8>]) -> Vec<(String, String, bool)> {
    let envelope_and_link = |mail: &Vec<u8>| {
        let (to, subject) = envelope(mail);
        (to, subject, text_of(mail).contains("/board/verify-email?token="))
    };
    let mut envelopes: Vec<_> = mails.iter().map(envelope_and_link).collect();
    envelopes.sort();
    envelopes
}

#[tokio::test]
async fn a_new_address_gets_a_link_and_the_present_one_a_notice() {
    let outbox = Outbox::create().await;
    let mails = change_sent(&outbox, "olga@new.example").await;
    assert_eq!(
        envelopes(&mails),
        [
            ("Olga@example.org".into(), "A new e-mail address was asked for".into(), false),
            ("olga@new.example".into(), "Confirm your new e-mail address".into(), true),
        ]
    );
}

#[tokio::test]
async fn a_new_address_that_is_taken_is_told_so_and_gets_no_link() {
    let outbox = Outbox::create().await;
    let mails = change_sent(&outbox, "MAX@example.org").await;
    assert_eq!(envelopes(&mails)[0], ("MAX@example.org".into(), "You have an account already".into(), false));
}

#[tokio::test]
async fn a_withdrawn_change_is_not_confirmed() {
    let outbox = Outbox::create().await;
    let trigger = r#"
        create function withdraw() returns trigger language plpgsql as $$
        begin
            update "User" set "pendingEmail" = null, "pendingEmailExpiresAt" = null;
            return new;
        end $$;
        create trigger withdraw after insert on "Outbox" for each statement execute function withdraw()
    "#;
    outbox.execute(trigger).await;
    let mails = change_sent(&outbox, "olga@new.example").await;
    assert_eq!(envelopes(&mails).len(), 1, "only the notice");
}

#[tokio::test]
async fn resets_verifications_and_changes_share_the_limit_of_an_address() {
    let outbox = Outbox::create().await;
    assert_eq!(sent(&outbox, "olga@example.org", 1).await.len(), 1);
    outbox.write("VERIFY_EMAIL", 1).await;
    let verification = send_due(&outbox).await;
    assert_eq!(
        envelopes(&verification),
        [("Olga@example.org".into(), "Verify your e-mail address".into(), true)]
    );
    let max_wants_it = r#"
        with max as (
            update "User" set "pendingEmail" = 'OLGA@example.org', "pendingEmailExpiresAt" = now() + interval '1 day'
            where "firstName" = 'Max' returning id, "organizationId"
        )
        insert into "Outbox" (id, kind, "organizationId", "recipientId", "correlationId", "toEmail")
        select gen_random_uuid(), 'CONFIRM_EMAIL', "organizationId", id, 'a-request', 'OLGA@example.org' from max
    "#;
    outbox.execute(max_wants_it).await;
    assert_eq!(send_due(&outbox).await.len(), 1, "the third one");
    assert!(sent(&outbox, "olga@example.org", 1).await.is_empty());
    outbox.write("PASSWORD_CHANGED", 1).await;
    assert_eq!(send_due(&outbox).await.len(), 1, "what happened is always told");
}

#[tokio::test]
async fn a_verified_address_gets_no_other_link() {
    let outbox = Outbox::create().await;
    outbox.execute(r#"update "User" set "emailVerifiedAt" = now()"#).await;
    outbox.write("VERIFY_EMAIL", 1).await;
    assert!(send_due(&outbox).await.is_empty());
}
