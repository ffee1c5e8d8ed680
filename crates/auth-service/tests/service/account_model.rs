//! Random sequences of what a user, their clients, the operator and time do to an account, against a model of the contract: no honest
//! client is signed out, and no token of a session that has ended works for a write.

use eventboard_chassis::error::ErrorCode;
use eventboard_proto::auth::DecisionMails;

use crate::{
    notifications::set,
    support::{PASSWORD, TestService, create_organization},
};

const EMAIL: &str = "ada@example.org";
const SECRETS: [&str; 2] =
    ["the first secret, which is long enough", "the other secret, which is long enough"];
const SEQUENCES: u64 = 12;
const STEPS: usize = 50;

/// `REFRESH_EXPIRY` and `SESSION_MAX_AGE`, in days.
const REFRESH_EXPIRY: u64 = 30;
const MAX_AGE: u64 = 90;

/// A client with its session.
struct Client {
    access: String,
    refresh: String,
    /// The token before, once the client has used the one that replaced it.
    replaced: Option<String>,
    /// In days.
    logged_in: u64,
    refreshed: u64,
    has_ended: bool,
}

struct Account {
    service: TestService,
    /// The number of rotations of the secret.
    rotations: usize,
    password: String,
    clients: Vec<Client>,
    /// In days.
    now: u64,
    random: u64,
}

impl Account {
    async fn create(seed: u64) -> Self {
        let variables = [("JWT_SECRET", SECRETS[0]), ("JWT_SECRET_PREVIOUS", SECRETS[1])];
        let service = TestService::start_with(&variables).await;
        service.signup(create_organization(EMAIL, "Acme")).await.unwrap();
        let random = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Self { service, rotations: 0, password: PASSWORD.to_owned(), clients: Vec::new(), now: 0, random }
    }

    /// A random number below this one.
    fn below(&mut self, end: usize) -> usize {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.random >> 33).unwrap() % end
    }

    fn is_live(&self, client: &Client) -> bool {
        let (idle, age) = (self.now - client.refreshed, self.now - client.logged_in);
        !client.has_ended && idle < REFRESH_EXPIRY && age < MAX_AGE
    }

    /// The number of a client whose session goes on.
    fn live_client(&mut self) -> Option<usize> {
        let live: Vec<_> = (0..self.clients.len()).filter(|i| self.is_live(&self.clients[*i])).collect();
        if live.is_empty() { None } else { Some(live[self.below(live.len())]) }
    }

    async fn step(&mut self) {
        match self.below(20) {
            0..=3 => self.log_in().await,
            4..=8 => self.refresh(false).await,
            9..=10 => self.refresh(true).await,
            11 => self.use_replaced_token().await,
            12 => self.log_out().await,
            13 => self.revoke().await,
            14..=15 => self.change_password().await,
            16 => self.reset_password().await,
            17 => self.rotate_secret().await,
            _ => self.wait().await,
        }
    }

    async fn log_in(&mut self) {
        self.service.login(EMAIL, "Wrong-password-1").await.unwrap_err();
        let session = self.service.login(EMAIL, &self.password).await.unwrap();
        self.clients.push(Client {
            access: session.access_token,
            refresh: session.refresh_token,
            replaced: None,
            logged_in: self.now,
            refreshed: self.now,
            has_ended: false,
        });
    }

    /// An honest client refreshes. If its answers are lost, it tries again later.
    async fn refresh(&mut self, are_lost: bool) {
        if self.clients.is_empty() {
            return;
        }
        let number = self.below(self.clients.len());
        self.refresh_client(number, are_lost).await;
    }

    async fn refresh_client(&mut self, number: usize, are_lost: bool) {
        let is_live = self.is_live(&self.clients[number]);
        let lost = if are_lost { 2 } else { 0 };
        for _ in 0..lost {
            let answer = self.service.refresh(&self.clients[number].refresh).await;
            assert_eq!(answer.is_ok(), is_live, "a lost answer");
        }
        let answer = self.service.refresh(&self.clients[number].refresh).await;
        assert_eq!(answer.is_ok(), is_live);
        let Ok(answer) = answer else { return };
        assert!(self.service.is_valid(&answer.access_token).await);
        let now = self.now;
        let client = &mut self.clients[number];
        client.replaced = Some(std::mem::replace(&mut client.refresh, answer.refresh_token));
        (client.access, client.refreshed) = (answer.access_token, now);
    }

    /// A thief uses a token that its owner has replaced, after the grace.
    async fn use_replaced_token(&mut self) {
        let Some(number) = self.live_client() else { return };
        let Some(replaced) = self.clients[number].replaced.clone() else { return };
        self.service.execute(r#"update "Session" set "seenAt" = "seenAt" - interval '10 seconds'"#).await;
        let refused = self.service.refresh(&replaced).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Unauthenticated);
        self.clients[number].has_ended = true;
    }

    async fn log_out(&mut self) {
        let Some(number) = self.live_client() else { return };
        let client = &mut self.clients[number];
        self.service.log_out(Some(&client.access), "").await.unwrap();
        client.has_ended = true;
    }

    /// A client ends the session of another one.
    async fn revoke(&mut self) {
        let (Some(by), Some(ended)) = (self.live_client(), self.live_client()) else { return };
        let id = self.service.identity(&self.clients[ended].access).session.id().unwrap();
        self.service.revoke(&self.clients[by].access, &id.to_string()).await.unwrap();
        self.clients[ended].has_ended = true;
    }

    async fn change_password(&mut self) {
        let Some(number) = self.live_client() else { return };
        let new = format!("Seven-blue-kettles-{}", self.random);
        self.service.change_password(&self.clients[number].access, &self.password, &new).await.unwrap();
        self.password = new;
        for (other, client) in self.clients.iter_mut().enumerate() {
            client.has_ended |= other != number;
        }
    }

    async fn reset_password(&mut self) {
        let link = self.service.make_link().await;
        let new = format!("Eight-red-kettles-{}", self.random);
        self.service.reset_password(&link, &new).await.unwrap();
        self.password = new;
        for client in &mut self.clients {
            client.has_ended = true;
        }
    }

    /// The operator rotates the secret after every client has come by since the last rotation. So the access tokens of all clients
    /// that are still signed in are of the current secret or the previous one.
    async fn rotate_secret(&mut self) {
        for number in 0..self.clients.len() {
            self.refresh_client(number, false).await;
        }
        // A session that ended has tokens of older secrets, which are not genuine any more.
        self.clients.retain(|client| !client.has_ended);
        self.rotations += 1;
        let (secret, previous) = (SECRETS[self.rotations % 2], SECRETS[(self.rotations + 1) % 2]);
        let variables = [("JWT_SECRET", secret), ("JWT_SECRET_PREVIOUS", previous)];
        self.service = TestService::start_beside(&self.service, &variables).await;
    }

    async fn wait(&mut self) {
        let days = [1, 7, 20][self.below(3)];
        self.now += days;
        let wait = r#"
            update "Session" set "createdAt" = "createdAt" - make_interval(days => $1),
                "lastUsedAt" = "lastUsedAt" - make_interval(days => $1), "seenAt" = "seenAt" - make_interval(days => $1),
                "expiresAt" = "expiresAt" - make_interval(days => $1),
                "refreshesSince" = "refreshesSince" - make_interval(days => $1)
        "#;
        let wait = sqlx::query(wait).bind(i32::try_from(days).unwrap());
        wait.execute(&mut self.service.connect().await).await.unwrap();
    }

    /// Each session reads and writes, or does neither.
    async fn check(&self) {
        for client in &self.clients {
            let is_live = self.is_live(client);
            assert_eq!(self.service.is_valid(&client.access).await, is_live);
            let written = set(&self.service, &client.access, DecisionMails::Off).await;
            match written {
                Ok(_) => assert!(is_live, "a write after the end of the session"),
                Err(refused) => assert_eq!((refused.code(), is_live), (ErrorCode::Unauthenticated, false)),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_behaves_as_the_contract_says_whatever_happens_to_it() {
    for seed in 0..SEQUENCES {
        let mut account = Account::create(seed).await;
        for _ in 0..STEPS {
            account.step().await;
            account.check().await;
        }
    }
}
