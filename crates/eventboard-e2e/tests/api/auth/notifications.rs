//! `/auth/me/notifications`, `/auth/notifications/unsubscribe`, and the mails themselves.

use std::{fs, path::Path};

use eventboard_chassis::{config::Env, token::TokenConfig, unsubscribe_token::UnsubscribeSigner};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Actor, Stack,
    process::{NOTIFICATION, Process},
    send, wait_until,
};

const PATH: &str = "/auth/me/notifications";

async fn decisions(actor: &Actor) -> Value {
    actor.get(PATH).await.expect(200).body["decisions"].clone()
}

#[tokio::test]
async fn mails_about_decisions_are_on_until_they_are_switched_off() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    assert_eq!(decisions(&admin).await, "immediate");
    let put = |body: Value| send(admin.request(Method::PUT, PATH).json(&body));
    assert_eq!(put(json!({"decisions": "off"})).await.expect(200).body, json!({"decisions": "off"}));
    assert_eq!(decisions(&admin).await, "off");
    // Clients may send a key with every write. Here it has no effect.
    for value in ["immediate", "off"] {
        let request = admin.request(Method::PUT, PATH).header("idempotency-key", "k");
        send(request.json(&json!({"decisions": value}))).await.expect(200);
        assert_eq!(decisions(&admin).await, value);
    }
    let with_invalid_key = admin.request(Method::PUT, PATH).header("idempotency-key", "");
    let refused = send(with_invalid_key.json(&json!({"decisions": "off"}))).await;
    assert_eq!(refused.invalid_fields(), ["Idempotency-Key"]);
    for invalid in [json!({}), json!({"decisions": "daily"}), json!({"decisions": null})] {
        assert_eq!(put(invalid).await.invalid_fields(), ["decisions"]);
    }
}

#[tokio::test]
async fn a_mail_program_switches_them_off_with_the_link_in_a_mail() {
    let stack = Stack::start().await;
    let admin = stack.anonymous().sign_up_admin().await;
    let config = TokenConfig::from_env(
        &mut [("HOST".to_owned(), "127.0.0.1".to_owned())].into_iter().collect::<Env>(),
    );
    let token = UnsubscribeSigner::new(&config).sign(admin.id()).unwrap();
    let path = |token: &str| format!("/auth/notifications/unsubscribe?token={token}");
    // Scanners follow links.
    send(stack.anonymous().request(Method::GET, &path(&token))).await.expect_problem(405);
    assert_eq!(decisions(&admin).await, "immediate");
    let post = |token: &str| {
        let request = stack.anonymous().request(Method::POST, &path(token));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        send(request.body("List-Unsubscribe=One-Click"))
    };
    post(&token).await.expect(204);
    assert_eq!(decisions(&admin).await, "off");
    let forged = format!("{token}x");
    for forged in ["", "x", &forged] {
        assert_eq!(post(forged).await.invalid_fields(), ["token"]);
    }
}

/// The subjects of the mails in a folder, sorted.
fn subjects(folder: &Path) -> Vec<String> {
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
    let files = files.map(|file| file.unwrap().path());
    let mails = files.filter(|path| path.extension().is_some_and(|extension| extension == "eml"));
    let subject = |path| {
        let mail = fs::read_to_string(path).unwrap();
        mail.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap().to_owned()
    };
    let mut subjects: Vec<_> = mails.map(subject).collect();
    subjects.sort();
    subjects
}

#[tokio::test]
async fn a_signup_and_a_decision_become_mails() {
    let stack = Stack::start().await;
    let folder = tempfile::tempdir().unwrap();
    let variables = vec![
        ("DATABASE_URL", stack.database.service_url().to_owned()),
        ("NOTIFICATION_SERVICE_PORT", "0".to_owned()),
        ("MAIL_FOLDER", folder.path().to_str().unwrap().to_owned()),
    ];
    let _service = Process::start(NOTIFICATION, &variables).await;
    let admin = stack.anonymous().sign_up_admin().await;
    let owner = admin.add_colleague(&stack, "USER").await;
    let event = owner.create_event("Autumn hackathon").await;
    send(owner.request(Method::POST, &format!("/events/{event}/submit"))).await.expect(200);
    send(admin.request(Method::POST, &format!("/events/{event}/approve"))).await.expect(200);
    wait_until("three mails are written", async || subjects(folder.path()).len() == 3).await;
    let subjects = subjects(folder.path());
    assert_eq!(subjects[0], "Published: Autumn hackathon");
    assert!(subjects[1..].iter().all(|subject| subject.starts_with("Welcome to ")), "{subjects:?}");
}
