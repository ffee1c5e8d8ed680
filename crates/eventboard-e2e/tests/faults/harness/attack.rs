//! Attackers: tasks that run until the attack is dropped.

use std::{
    collections::BTreeMap,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{task::JoinSet, time::sleep};

use super::http1;

/// The pause of an attacker who was refused or disconnected. Attackers would not make it, but they use the same cores as
/// the system.
const PAUSE: Duration = Duration::from_millis(100);

/// Tasks that run until they are dropped.
pub(crate) type Attack = JoinSet<()>;

/// One of the addresses of the attackers. The gateway connects to the services from 127.0.0.1, and the tests prepare
/// their data from there.
pub(crate) const fn attacker(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, number)
}

/// Sends a request again and again, each time as soon as it has the response to the previous one.
pub(crate) async fn flood(from: Ipv4Addr, to: SocketAddr, request: Arc<str>, answers: Answers) {
    loop {
        if let Ok(mut stream) = http1::connect(from, to).await {
            while let Ok(reply) = http1::exchange(&mut stream, &request).await {
                answers.count(reply.status());
                if matches!(reply.status(), "429" | "503") {
                    sleep(PAUSE).await;
                }
            }
        } else {
            answers.count("no connection");
        }
        // The server may close the connection with a response, or without.
        sleep(PAUSE).await;
    }
}

/// The text of a POST request with this body. The token may be empty.
pub(crate) fn post_request(path: &str, token: &str, body: &str) -> String {
    request_with_body("POST", path, token, body)
}

/// The text of a request with this body. The token may be empty.
pub(crate) fn request_with_body(method: &str, path: &str, token: &str, body: &str) -> String {
    let authorization = authorization(token);
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\n{authorization}content-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

/// The text of a GET request.
pub(crate) fn get_request(path: &str, token: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n{}\r\n", authorization(token))
}

fn authorization(token: &str) -> String {
    if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") }
}

/// The responses to the attackers, counted by status.
#[derive(Clone, Default)]
pub(crate) struct Answers(Arc<Mutex<BTreeMap<String, usize>>>);

impl Answers {
    /// Counts a response by its status, or something else that happened.
    pub(crate) fn count(&self, label: impl fmt::Display) {
        *self.0.lock().unwrap().entry(label.to_string()).or_default() += 1;
    }

    /// How often something other than these labels was counted.
    pub(crate) fn other_than(&self, labels: &[&str]) -> usize {
        let counts = self.0.lock().unwrap();
        counts.iter().filter(|(label, _)| !labels.contains(&label.as_str())).map(|(_, count)| count).sum()
    }

    /// Asserts that there were responses, and that none of them was a server error.
    pub(crate) fn assert_no_server_errors(&self) {
        let counts = self.0.lock().unwrap();
        assert!(!counts.is_empty(), "nobody responded to the attackers");
        assert!(!counts.keys().any(|label| label.starts_with('5')), "{counts:?}");
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.0.lock().unwrap();
        let counts = counts.iter().map(|(label, count)| format!("{count} × {label}"));
        formatter.write_str(&counts.collect::<Vec<_>>().join(", "))
    }
}
