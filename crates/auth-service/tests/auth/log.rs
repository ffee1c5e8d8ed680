//! What the log tells, and what it must not.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tracing::subscriber::NoSubscriber;
use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter};

use crate::support::{PASSWORD, TestService, founding};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_log_names_users_by_id_and_holds_no_secret_even_when_it_tells_everything() {
    let log = Log::default();
    // While a process has only one subscriber, a thread without it, such as that of another test, switches
    // off for everybody what it is the first to reach.
    let _second = tracing::Dispatch::new(NoSubscriber::new());
    let subscriber =
        tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let service = TestService::start().await;
    let session = service.signup(founding("ada@example.org", "Acme")).await.unwrap();
    service.login("ada@example.org", PASSWORD).await.unwrap();
    service.login("ada@example.org", "Wr0ng password").await.unwrap_err();
    service.login("bob@example.org", PASSWORD).await.unwrap_err();
    service.me(Some(&session.access_token)).await.unwrap();

    let (text, user_id) = (log.text(), session.user.unwrap().id);
    for line in ["Signed up", "Logged in", "Login refused"] {
        let named = text.lines().any(|found| found.contains(line) && found.contains(&user_id));
        assert!(named, "{line} {user_id}");
    }
    let signature = session.access_token.rsplit('.').next().unwrap();
    for secret in
        ["ada@example.org", "bob@example.org", "Lovelace", PASSWORD, "Wr0ng", "$argon2id$v=", signature]
    {
        let leak = text.lines().find(|line| line.contains(secret));
        assert_eq!(leak, None, "{secret}");
    }
}
