//! Checks that the log identifies users by id and contains no secrets.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tracing::subscriber::NoSubscriber;
use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter};

use crate::support::{PASSWORD, TestService, create_organization};

#[derive(Clone, Default)]
struct LogBuffer(Arc<Mutex<Vec<u8>>>);

impl LogBuffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for LogBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LogBuffer {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_log_names_users_by_id_and_contains_no_secret_even_at_level_trace() {
    let log = LogBuffer::default();
    // With a single subscriber, tracing caches for the whole process whether a callsite is enabled. If a thread
    // without the subscriber (another test) reached a callsite first, the callsite would be disabled. A second
    // subscriber prevents this.
    let _second = tracing::Dispatch::new(NoSubscriber::new());
    let subscriber =
        tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let service = TestService::start().await;
    let session = service.signup(create_organization("ada@example.org", "Acme")).await.unwrap();
    service.login("ada@example.org", PASSWORD).await.unwrap();
    service.login("ada@example.org", "Wr0ng password").await.unwrap_err();
    service.login("bob@example.org", PASSWORD).await.unwrap_err();
    service.me(Some(&session.access_token)).await.unwrap();
    let browser_secret = service.sign_in("ada@example.org", PASSWORD).await.browser_secret;
    service.use_browser_session(&browser_secret).await.unwrap();

    let (text, user_id) = (log.text(), session.user.unwrap().id);
    for line in ["Signed up", "Logged in", "Login refused"] {
        let has_user_id = text.lines().any(|found| found.contains(line) && found.contains(&user_id));
        assert!(has_user_id, "{line} {user_id}");
    }
    let signature = session.access_token.rsplit('.').next().unwrap();
    let names = ["ada@example.org", "bob@example.org", "Lovelace"];
    for secret in names.into_iter().chain([PASSWORD, "Wr0ng", "$argon2id$v=", signature, &browser_secret]) {
        let leak = text.lines().find(|line| line.contains(secret));
        assert_eq!(leak, None, "{secret}");
    }
}
