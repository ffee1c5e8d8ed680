//! A running service with a database of its own, and the callers that tests need.

use std::{net::SocketAddr, time::Duration};

use auth_service::Config;
use eventboard_chassis::{
    config::{self, Env},
    error::{ErrorCode, ServiceError},
    shutdown::Shutdown,
    token::{Identity, TokenConfig, TokenIssuer, TokenVerifier},
};
use eventboard_proto::auth::{
    GetMeReply, GetMeRequest, LoginRequest, SessionReply, SignupRequest, ValidateUserRequest,
    auth_service_client::AuthServiceClient, signup_request::Organization,
};
use eventboard_testing::TestDatabase;
use sqlx::PgConnection;
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{Request, transport::Channel};
use uuid::Uuid;

/// A password that obeys the rules.
pub(crate) const PASSWORD: &str = "Password123!";

pub(crate) type Answer<T> = Result<T, ServiceError>;

/// The service as `main` would run it, on port 0.
pub(crate) struct TestService {
    pub(crate) database: TestDatabase,
    pub(crate) address: SocketAddr,
    pub(crate) token: TokenConfig,
    pub(crate) shutdown: Shutdown,
    pub(crate) running: JoinHandle<anyhow::Result<()>>,
    client: AuthServiceClient<Channel>,
}

impl TestService {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts it with some variables set, and waits until it has prepared its database.
    pub(crate) async fn start_with(variables: &[(&str, &str)]) -> Self {
        let database = TestDatabase::create().await;
        let config = read_config(database.url(), variables);
        let token = config.token.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::new();
        let running = tokio::spawn(auth_service::run(config, listener, shutdown.clone()));
        let client = AuthServiceClient::connect(format!("http://{address}")).await.unwrap();
        let service = Self { database, address, token, shutdown, running, client };
        service.until_prepared().await;
        service
    }

    async fn until_prepared(&self) {
        let stranger = Some(self.token_for(&a_stranger()));
        while code(self.validate(stranger.as_deref()).await) == ErrorCode::Unavailable {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn client(&self) -> AuthServiceClient<Channel> {
        self.client.clone()
    }

    pub(crate) async fn signup(&self, request: SignupRequest) -> Answer<SessionReply> {
        Ok(self.client().signup(request).await?.into_inner())
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> Answer<SessionReply> {
        let request = LoginRequest { email: email.into(), password: password.into() };
        Ok(self.client().login(request).await?.into_inner())
    }

    pub(crate) async fn me(&self, token: Option<&str>) -> Answer<GetMeReply> {
        Ok(self.client().get_me(with_token(GetMeRequest {}, token)).await?.into_inner())
    }

    pub(crate) async fn validate(&self, token: Option<&str>) -> Answer<()> {
        self.client().validate_user(with_token(ValidateUserRequest {}, token)).await?;
        Ok(())
    }

    /// A genuine token, whoever it is for.
    pub(crate) fn token_for(&self, identity: &Identity) -> String {
        issue(&self.token, identity)
    }

    /// Who a token speaks for.
    pub(crate) fn identity(&self, token: &str) -> Identity {
        let request = with_token((), Some(token));
        let headers = request.metadata().clone().into_headers();
        TokenVerifier::new(&self.token).verify(&headers).unwrap().identity
    }

    /// Runs a statement beside the service.
    pub(crate) async fn execute(&self, statement: &'static str) {
        sqlx::query(statement).execute(&mut self.connect().await).await.unwrap();
    }

    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&mut self.connect().await).await.unwrap()
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        self.database.connect().await
    }
}

pub(crate) fn read_config(url: &str, variables: &[(&str, &str)]) -> Config {
    let all = [("DATABASE_URL", url), ("DATABASE_MAX_CONNECTIONS", "4")].into_iter();
    let all = all.chain(variables.iter().copied());
    let env: Env = all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    config::read(env, Config::from_env).unwrap()
}

pub(crate) fn issue(config: &TokenConfig, identity: &Identity) -> String {
    TokenIssuer::new(config, Duration::from_secs(60)).issue(identity, "somebody@example.org").unwrap()
}

/// Nobody whom the database knows.
pub(crate) fn a_stranger() -> Identity {
    Identity { user_id: Uuid::now_v7(), organization_id: Uuid::now_v7(), role: eventboard_domain::Role::User }
}

/// A good request to found an organization.
pub(crate) fn founding(email: &str, name: &str) -> SignupRequest {
    signing_up(email, Organization::OrganizationName(name.into()))
}

/// A good request to join an organization.
pub(crate) fn joining(email: &str, id: &str) -> SignupRequest {
    signing_up(email, Organization::OrganizationId(id.into()))
}

fn signing_up(email: &str, organization: Organization) -> SignupRequest {
    SignupRequest {
        email: email.into(),
        password: PASSWORD.into(),
        first_name: "Ada".into(),
        last_name: "Lovelace".into(),
        organization: Some(organization),
    }
}

pub(crate) fn with_token<T>(message: T, token: Option<&str>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    request
}

/// The code of a refusal.
///
/// # Panics
/// When the call was answered.
pub(crate) fn code<T>(answer: Answer<T>) -> ErrorCode {
    answer.err().expect("a refusal").code()
}

/// How many answers are good and how many carry the code; every answer must be one or the other.
pub(crate) fn tally<T>(answers: Vec<Answer<T>>, refusal: ErrorCode) -> (usize, usize) {
    let all = answers.len();
    let good = answers.iter().filter(|answer| answer.is_ok()).count();
    let refused = answers.into_iter().filter_map(Result::err).filter(|error| error.code() == refusal).count();
    assert_eq!(good + refused, all, "some answers are neither good nor {refusal:?}");
    (good, refused)
}
