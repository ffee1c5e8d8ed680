//! An organization without the operator, through the whole system: an admin runs it, a member leaves it and is forgotten.

use std::{fs, path::Path};

use eventboard_e2e::database::count_rows;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::support::{
    Actor, Process, Response, Stack, process::NOTIFICATION, send, wait_for_some, wait_until,
};

/// A system that writes its mails into a folder.
struct Board {
    stack: Stack,
    notification: Process,
    folder: TempDir,
}

impl Board {
    async fn start() -> Self {
        let stack = Stack::start().await;
        let folder = tempfile::tempdir().unwrap();
        let variables = vec![
            ("DATABASE_URL", stack.database.service_url().to_owned()),
            ("NOTIFICATION_SERVICE_PORT", "0".to_owned()),
            ("MAIL_FOLDER", folder.path().to_str().unwrap().to_owned()),
        ];
        let notification = Process::start(NOTIFICATION, &variables).await;
        Self { stack, notification, folder }
    }

    /// Waits for the mail to an address whose subject begins like this, and returns its text.
    async fn mail(&self, to: &str, subject: &str) -> String {
        let is_it = |mail: &String| {
            mail.contains(&format!("To: {to}")) && mail.contains(&format!("Subject: {subject}"))
        };
        wait_for_some(&format!("{subject:?} to {to}"), async || {
            mails(self.folder.path()).into_iter().find(is_it)
        })
        .await
    }

    /// The token in the link of an invitation.
    async fn invitation_token(&self, to: &str) -> String {
        let mail = self.mail(to, "").await;
        let (_, rest) = mail.split_once("/board/join?token=").expect("a link");
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect()
    }

    /// Invites somebody, who joins with the link in the mail.
    async fn join(&self, admin: &Actor, name: (&str, &str), role: &str) -> Actor {
        let email = format!("{}.{}@example.org", name.0.to_lowercase(), name.1.to_lowercase());
        let invited = admin.post("/organization/invitations", &json!({ "email": email, "role": role })).await;
        let id = invited.expect(201).id();
        assert!(!id.is_empty());
        let token = self.invitation_token(&email).await;
        let joining = json!({
            "invitationToken": token, "password": "Password123!", "firstName": name.0, "lastName": name.1,
        });
        let joined = self.stack.anonymous().post("/auth/signup", &joining).await.expect(201);
        Actor::new(self.stack.anonymous(), &joined.body)
    }
}

/// The mails in a folder, without the line breaks that their encoding adds.
fn mails(folder: &Path) -> Vec<String> {
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
    let files = files.map(|file| file.unwrap().path());
    let mails = files.filter(|path| path.extension().is_some_and(|extension| extension == "eml"));
    let text = |path| fs::read_to_string(path).unwrap();
    mails.map(|path| text(path).replace("=\r\n", "").replace("=\n", "").replace("=3D", "=")).collect()
}

fn member(actor: &Actor) -> String {
    format!("/organization/members/{}", actor.id())
}

async fn names(caller: &Actor, query: &str) -> Vec<String> {
    let list = caller.get(&format!("/organization/members{query}")).await.expect(200);
    let data = list.body["data"].as_array().unwrap().clone();
    data.iter().map(|member| member["displayName"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_admin_runs_an_organization_without_the_operator() {
    let board = Board::start().await;
    let admin = board.stack.anonymous().sign_up_admin().await;
    let settings = json!({ "name": "Analytical Engines", "timeZone": "Europe/London" });
    let changed = admin.patch("/organization", &settings).await.expect(200);
    assert_eq!((&changed.body["name"], &changed.body["usage"]["members"]), (&settings["name"], &json!(1)));

    let moderator = board.join(&admin, ("Grace", "Hopper"), "MODERATOR").await;
    let user = board.join(&admin, ("Ida", "Rhodes"), "USER").await;
    assert!(user.user["emailVerifiedAt"].is_string());
    assert_eq!(names(&moderator, "").await, ["Some Body", "Grace Hopper", "Ida Rhodes"]);
    assert_eq!(names(&moderator, "?search=rho&role=USER&disabled=false").await, ["Ida Rhodes"]);

    let draft = user.create_event("A draft of the leaver").await;
    let handed =
        admin.post(&format!("{}/transfer-events", member(&user)), &json!({ "to": moderator.id() })).await;
    assert_eq!(handed.expect(200).body, json!({ "transferred": 1, "hasMore": false }));
    assert_eq!(
        moderator.get(&format!("/events/{draft}")).await.expect(200).body["createdById"],
        moderator.user["id"]
    );

    admin.patch(&member(&moderator), &json!({ "role": "ADMIN" })).await.expect(200);
    board.mail("grace.hopper@example.org", "").await;
    let promoted = moderator.log_in_again().await;
    let last = promoted.patch(&member(&admin), &json!({ "disabled": true })).await.expect(200);
    assert_eq!(last.body["disabled"], true);
    promoted.patch(&member(&promoted), &json!({ "role": "USER" })).await.expect_problem(409);
    promoted.delete(&member(&admin)).await.expect(204);

    let audit = promoted.get("/organization/audit?limit=100").await.expect(200).body;
    let actions: Vec<_> = audit["data"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    for action in [
        "SETTINGS_CHANGED",
        "INVITATION_CREATED",
        "INVITATION_USED",
        "ROLE_CHANGED",
        "EVENTS_TRANSFERRED",
        "USER_DISABLED",
        "USER_DELETED",
    ] {
        assert!(actions.contains(&&json!(action)), "{action}");
    }
}

#[tokio::test]
async fn a_stale_admin_is_told_and_a_repeated_change_is_replayed() {
    let board = Board::start().await;
    let admin = board.stack.anonymous().sign_up_admin().await;
    let before = admin.get("/organization").await.expect(200);
    assert_eq!(before.header("cache-control"), Some("no-store"));
    let (path, open) = ("/organization", json!({ "openSignup": true }));
    admin.with_header(Method::PATCH, path, ("if-match", &before.etag()), &open).await.expect(200);
    admin.with_header(Method::PATCH, path, ("if-match", &before.etag()), &open).await.expect_problem(412);
    let invite = json!({ "email": "once@example.org", "role": "USER" });
    let first = admin.post_with_key("/organization/invitations", "once", &invite).await.expect(201);
    let again = admin.post_with_key("/organization/invitations", "once", &invite).await.expect(201);
    assert!(again.is_replay() && first.id() == again.id());
    assert_eq!(first.header("location"), Some(format!("/organization/invitations/{}", first.id()).as_str()));
    assert_eq!(count_rows(&board.stack.database, r#""Invitation""#).await, 1);
}

#[tokio::test]
async fn a_copy_of_the_data_has_everything_that_the_member_wrote() {
    let board = Board::start().await;
    let admin = board.stack.anonymous().sign_up_admin().await;
    let moderator = board.join(&admin, ("Grace", "Hopper"), "MODERATOR").await;
    let rejected = admin.create_submitted_event("Somebody else's").await;
    let reason = json!({ "reason": "Not this year, sorry" });
    moderator.post(&format!("/events/{rejected}/reject"), &reason).await.expect(200);
    for number in 0..120 {
        moderator.create_event(&format!("Event number {number}")).await;
    }
    let copy = moderator.get("/auth/me/export").await.expect(200);
    assert_eq!(copy.header("content-disposition"), Some(r#"attachment; filename="eventboard-export.json""#));
    let Value::Object(copy) = copy.body else { panic!("not JSON: {}", copy.text) };
    assert_eq!(copy["account"]["user"]["email"], "grace.hopper@example.org");
    assert_eq!(copy["events"].as_array().unwrap().len(), 120);
    let history = copy["history"].as_array().unwrap();
    assert_eq!((history.len(), &history[0]["reason"]), (121, &json!("Not this year, sorry")));
    let actions: Vec<_> = copy["audit"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    assert_eq!(actions, ["DATA_EXPORTED", "INVITATION_USED", "SIGNED_UP"]);
}

/// Everything that a caller can read about the organization.
async fn read_everything(caller: &Actor) -> Vec<Response> {
    let mut read = Vec::new();
    for path in [
        "/auth/me",
        "/auth/me/export",
        "/auth/sessions",
        "/organization",
        "/organization/members?limit=100",
        "/organization/invitations?limit=100",
        "/organization/audit?limit=100",
        "/events?limit=100",
    ] {
        read.push(caller.get(path).await.expect(200));
    }
    read
}

#[tokio::test]
async fn somebody_who_leaves_is_forgotten_by_tables_logs_mails_that_wait_and_by_what_others_read() {
    let board = Board::start().await;
    let Board { stack, notification, folder: _ } = &board;
    let admin = stack.anonymous().sign_up_admin().await;
    let leaver = board.join(&admin, ("Gracemarker", "Hoppermarker"), "USER").await;
    let id = leaver.id();
    leaver.create_event("A draft").await;
    let published = leaver.create_submitted_event("A published event").await;
    admin.post_without_body(&format!("/events/{published}/approve")).await.expect(200);
    admin.patch(&member(&leaver), &json!({ "role": "MODERATOR" })).await.expect(200);
    let leaver = leaver.log_in_again().await;
    stack.anonymous().login(&leaver.user["email"], "Wrong-password-1").await.expect(401);
    stack
        .anonymous()
        .post("/auth/password/forgot", &json!({ "email": leaver.user["email"] }))
        .await
        .expect(202);
    let new_email = json!({ "newEmail": "gracemarker.new@example.org", "password": "Password123!" });
    leaver.post("/auth/email", &new_email).await.expect(202);
    leaver.get("/auth/me/export").await.expect(200);
    admin.get("/organization/members?search=gracemarker").await.expect(200);
    let people = format!("/organization/people?ids={id}");
    let name = admin.get(&people).await.expect(200).body["data"][0]["displayName"].clone();
    assert_eq!(name, "Gracemarker Hoppermarker");
    let traces = ["gracemarker", "hoppermarker"];
    for trace in traces {
        assert!(!stack.database.rows_with(trace).await.is_empty(), "the search finds {trace}");
    }

    leaver.post("/auth/me/delete", &json!({ "password": "Password123!" })).await.expect(204);
    board.mail("gracemarker.hoppermarker@example.org", "Your").await;
    wait_until("all mails are sent", async || {
        let due = r#"select count(*) from "Outbox" where state = 'DUE'"#;
        let due = sqlx::query_scalar::<_, i64>(due).fetch_one(&mut stack.database.connect().await).await;
        due.unwrap() == 0
    })
    .await;
    for trace in traces {
        assert_eq!(stack.database.rows_with(trace).await, Vec::<String>::new(), "{trace}");
    }
    for process in [&stack.gateway, &stack.auth, &stack.events, notification] {
        let log = process.log().text().to_lowercase();
        assert!(traces.iter().all(|trace| !log.contains(trace)), "{log}");
    }
    for response in read_everything(&admin).await {
        let text = response.text.to_lowercase();
        assert!(traces.iter().all(|trace| !text.contains(trace)), "{text}");
    }
    let person = admin.get(&people).await.expect(200).body["data"][0].clone();
    assert_eq!(person, json!({ "id": id, "displayName": "Former member" }));
    let event = admin.get(&format!("/events/{published}")).await.expect(200).body;
    assert_eq!(event["createdById"], json!(id), "the history keeps its meaning");
    let all = admin.get("/events").await.expect(200).body["data"].as_array().unwrap().len();
    assert_eq!(all, 1, "the draft is gone");
}

#[tokio::test]
async fn nobody_learns_anything_about_another_organization() {
    let board = Board::start().await;
    let anonymous = board.stack.anonymous();
    let (admin, stranger) = (anonymous.sign_up_admin().await, anonymous.sign_up_admin().await);
    let user = board.join(&admin, ("Ida", "Rhodes"), "USER").await;
    let other = board.join(&stranger, ("Grace", "Hopper"), "USER").await;
    let hidden = user.create_event("A draft").await;
    let invite = json!({ "email": "a@example.org", "role": "USER" });
    let invited = admin.post("/organization/invitations", &invite).await.expect(201);
    let invitation = format!("/organization/invitations/{}", invited.id());
    for (method, path, body) in [
        (Method::GET, member(&user), Value::Null),
        (Method::PATCH, member(&user), json!({ "role": "ADMIN" })),
        (Method::DELETE, member(&user), Value::Null),
        (Method::POST, format!("{}/transfer-events", member(&user)), json!({ "to": other.id() })),
        (Method::DELETE, invitation, Value::Null),
        (Method::GET, format!("/events/{hidden}"), Value::Null),
    ] {
        let request = stranger.request(method, &path);
        send(if body.is_null() { request } else { request.json(&body) }).await.expect_problem(404);
    }
    let people = format!("/organization/people?ids={},{}", user.id(), Uuid::nil());
    assert_eq!(stranger.get(&people).await.expect(200).body["data"], json!([]));
    for response in read_everything(&stranger).await {
        for secret in [&user.user["id"], &user.user["email"], &admin.user["id"], &json!(hidden)] {
            assert!(!response.text.contains(secret.as_str().unwrap()), "{}", response.text);
        }
    }
}
