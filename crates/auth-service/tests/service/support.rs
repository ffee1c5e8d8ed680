//! A running service with its own database, and helpers for calls to it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use auth_service::Config;
use eventboard_chassis::{
    client_address::{CLIENT_ADDRESS, ClientSigner},
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

/// A valid password.
pub(crate) const PASSWORD: &str = "Password123!";

pub(crate) type CallResult<T> = Result<T, ServiceError>;

/// The service, started in the same way as in `main`, on any free port.
pub(crate) struct TestService {
    pub(crate) database: Arc<TestDatabase>,
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

    /// Starts the service with these variables.
    pub(crate) async fn start_with(variables: &[(&str, &str)]) -> Self {
        Self::start_on(TestDatabase::create().await, variables).await
    }

    /// Starts the service with this database and waits until it is prepared.
    pub(crate) async fn start_on(database: TestDatabase, variables: &[(&str, &str)]) -> Self {
        Self::start_on_shared(Arc::new(database), variables).await
    }

    /// Starts another replica with these variables.
    pub(crate) async fn start_beside(other: &Self, variables: &[(&str, &str)]) -> Self {
        Self::start_on_shared(Arc::clone(&other.database), variables).await
    }

    async fn start_on_shared(database: Arc<TestDatabase>, variables: &[(&str, &str)]) -> Self {
        let config = read_config(database.service_url(), variables);
        let token = config.token.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::new();
        let running = tokio::spawn(auth_service::run(config, listener, shutdown.clone()));
        let client = AuthServiceClient::connect(format!("http://{address}")).await.unwrap();
        let service = Self { database, address, token, shutdown, running, client };
        service.wait_until_prepared().await;
        service
    }

    async fn wait_until_prepared(&self) {
        let token = Some(self.token_for(&unknown_identity()));
        while code(self.validate(token.as_deref()).await) == ErrorCode::Unavailable {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn client(&self) -> AuthServiceClient<Channel> {
        self.client.clone()
    }

    pub(crate) async fn signup(&self, request: SignupRequest) -> CallResult<SessionReply> {
        Ok(self.client().signup(request).await?.into_inner())
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> CallResult<SessionReply> {
        let request = LoginRequest { email: email.into(), password: password.into(), browser: false };
        Ok(self.client().login(request).await?.into_inner())
    }

    /// A login of a client at this address, as the gateway sends it.
    pub(crate) async fn login_at(
        &self,
        address: &str,
        email: &str,
        password: &str,
    ) -> CallResult<SessionReply> {
        let signed = ClientSigner::new(&self.token.secret).sign(address.parse().unwrap(), None).unwrap();
        let mut request =
            Request::new(LoginRequest { email: email.into(), password: password.into(), browser: false });
        request.metadata_mut().as_mut().insert(CLIENT_ADDRESS, signed.address);
        Ok(self.client().login(request).await?.into_inner())
    }

    pub(crate) async fn me(&self, token: Option<&str>) -> CallResult<GetMeReply> {
        Ok(self.client().get_me(with_token(GetMeRequest {}, token)).await?.into_inner())
    }

    pub(crate) async fn validate(&self, token: Option<&str>) -> CallResult<()> {
        self.client().validate_user(with_token(ValidateUserRequest {}, token)).await?;
        Ok(())
    }

    /// Issues a valid token for the identity.
    pub(crate) fn token_for(&self, identity: &Identity) -> String {
        issue(&self.token, identity)
    }

    /// Returns the identity in a token.
    pub(crate) fn identity(&self, token: &str) -> Identity {
        let request = with_token((), Some(token));
        let headers = request.metadata().clone().into_headers();
        TokenVerifier::new(&self.token).verify(&headers).unwrap().identity
    }

    /// Runs a statement directly on the database.
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
    let all = [("DATABASE_URL", url), ("DATABASE_MAX_CONNECTIONS", "4"), ("HOST", "127.0.0.1")].into_iter();
    let all = all.chain(variables.iter().copied());
    let env: Env = all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    config::read(env, Config::from_env).unwrap()
}

pub(crate) fn issue(config: &TokenConfig, identity: &Identity) -> String {
    TokenIssuer::new(config, Duration::from_secs(60)).issue(identity, "somebody@example.org").unwrap()
}

/// Returns the identity of a user that does not exist.
pub(crate) fn unknown_identity() -> Identity {
    Identity {
        user_id: Uuid::now_v7(),
        organization_id: Uuid::now_v7(),
        role: eventboard_domain::Role::User,
        session: eventboard_domain::TokenSession::UNDATED,
    }
}

/// Returns a valid request for a signup that creates an organization.
pub(crate) fn create_organization(email: &str, name: &str) -> SignupRequest {
    signup_request(email, Organization::OrganizationName(name.into()))
}

/// Returns a valid request for a signup that joins an organization.
pub(crate) fn join_organization(email: &str, id: &str) -> SignupRequest {
    signup_request(email, Organization::OrganizationId(id.into()))
}

fn signup_request(email: &str, organization: Organization) -> SignupRequest {
    SignupRequest {
        email: email.into(),
        password: PASSWORD.into(),
        first_name: "Ada".into(),
        last_name: "Lovelace".into(),
        organization: Some(organization),
        browser: false,
    }
}

pub(crate) fn with_token<T>(message: T, token: Option<&str>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    request
}

/// Returns the error code of a failed call.
///
/// # Panics
/// When the call succeeded.
pub(crate) fn code<T>(result: CallResult<T>) -> ErrorCode {
    result.err().expect("a refusal").code()
}

/// Counts the successful calls and the calls that failed with this code. Every call must be one of the two.
pub(crate) fn count_outcomes<T>(results: Vec<CallResult<T>>, refusal: ErrorCode) -> (usize, usize) {
    let all = results.len();
    let succeeded = results.iter().filter(|result| result.is_ok()).count();
    let refused = results.into_iter().filter_map(Result::err).filter(|error| error.code() == refusal).count();
    assert_eq!(succeeded + refused, all, "some calls neither succeeded nor failed with {refusal:?}");
    (succeeded, refused)
}
