//! Tests of password hashing under load, and of the upgrade of weak hashes.

use std::net::Ipv4Addr;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use auth_service::password::Argon2id;
use eventboard_chassis::{
    client_address::{CLIENT_ADDRESS, ClientSigner},
    error::ErrorCode,
};
use eventboard_proto::auth::{
    LoginRequest, SessionReply, SignupRequest, auth_service_client::AuthServiceClient,
};
use tokio::task::JoinSet;
use tonic::{Request, Response, transport::Endpoint};

use crate::support::{CallResult, PASSWORD, TestService, count_outcomes, create_organization};

const EMAIL: &str = "ada@example.org";
const CURRENT: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// The most concurrent logins to an account from an address of which none is throttled.
const UNTHROTTLED: usize = 10;

/// Allows one hash at a time and no queue, so that some of the concurrent logins fail with `Overloaded`.
const ONE_HASH_AT_ONCE: &[(&str, &str)] = &[("PASSWORD_HASH_CONCURRENCY", "1"), ("PASSWORD_HASH_QUEUE", "0")];

#[tokio::test]
async fn logins_are_refused_when_the_queue_is_full_and_later_logins_succeed() {
    let service = with_ada(ONE_HASH_AT_ONCE).await;
    let (succeeded, refused) = count_outcomes(logins(&service, EMAIL).await, ErrorCode::Overloaded);
    assert!(succeeded >= 1 && refused >= 1, "{succeeded} succeeded, {refused} refused");
    service.login(EMAIL, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn many_logins_from_one_address_do_not_keep_out_another_address() {
    let service = with_ada(&[("PASSWORD_HASH_CONCURRENCY", "1"), ("PASSWORD_HASH_QUEUE", "15")]).await;
    // Each address block has a quarter of 16. So of its 200 logins, 4 are in the queue at a time.
    let mut flood = JoinSet::new();
    for number in 0..200 {
        let mut client = service.client();
        let (address, email) = (format!("2001:db8:0:1::{number:x}"), format!("bob{number}@example.org"));
        let request = login_from(&service, &address, &email);
        flood.spawn(async move { is_checked(client.login(request).await.map_err(Into::into)) });
    }
    let mut results: Vec<CallResult<()>> = Vec::new();
    while results.iter().all(Result::is_ok) {
        results.push(flood.join_next().await.expect("200 logins at once exceed the share").unwrap());
    }
    for _ in 0..5 {
        service.client().login(login_from(&service, "198.51.100.7", EMAIL)).await.unwrap();
    }
    results.extend(flood.join_all().await);
    let (succeeded, refused) = count_outcomes(results, ErrorCode::Overloaded);
    assert!(succeeded >= 4, "{succeeded} succeeded, {refused} refused");
}

#[tokio::test]
async fn without_a_signed_client_address_the_address_of_the_connection_counts() {
    let service = with_ada(&[("PASSWORD_HASH_CONCURRENCY", "1"), ("PASSWORD_HASH_QUEUE", "15")]).await;
    let mut flood = JoinSet::new();
    for number in 0..200 {
        let mut client = service.client();
        let email = format!("bob{number}@example.org");
        let mut request = Request::new(LoginRequest { email, password: PASSWORD.into(), browser: false });
        // Nobody believes an address without a signature.
        let address = format!("2001:db8:0:{number:x}::");
        request.metadata_mut().insert("x-client-address", address.parse().unwrap());
        flood.spawn(async move { is_checked(client.login(request).await.map_err(Into::into)).is_ok() });
    }
    while flood.join_next().await.expect("200 logins at once exceed the share").unwrap() {}
    let endpoint = Endpoint::from_shared(format!("http://{}", service.address)).unwrap();
    let endpoint = endpoint.local_address(Some(Ipv4Addr::new(127, 0, 0, 2).into()));
    let mut other = AuthServiceClient::new(endpoint.connect().await.unwrap());
    other
        .login(LoginRequest { email: EMAIL.into(), password: PASSWORD.into(), browser: false })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_refused_login_says_that_the_address_has_its_share() {
    let service = with_ada(ONE_HASH_AT_ONCE).await;
    let refused = logins(&service, EMAIL).await.into_iter().find_map(Result::err).expect("a refusal");
    assert_eq!(
        refused.message(),
        "Too many signups and logins from your network address right now. Try again shortly."
    );
}

#[tokio::test]
async fn the_login_of_an_unknown_user_computes_a_hash_like_any_other() {
    let service = with_ada(ONE_HASH_AT_ONCE).await;
    let results = logins(&service, "bob@example.org").await;
    let codes: Vec<_> = results.into_iter().filter_map(Result::err).map(|error| error.code()).collect();
    assert!(codes.contains(&ErrorCode::Unauthenticated), "{codes:?}");
    assert!(codes.contains(&ErrorCode::Overloaded), "{codes:?}");
}

#[tokio::test]
async fn a_signup_with_a_taken_email_computes_no_hash() {
    let service = with_ada(ONE_HASH_AT_ONCE).await;
    let mut calls = JoinSet::new();
    for _ in 0..32 {
        let mut client = service.client();
        calls.spawn(async move {
            let result = client.signup(create_organization(EMAIL, "Another One")).await;
            result.map(drop).map_err(Into::into)
        });
    }
    assert_eq!(
        count_outcomes(calls.join_all().await, ErrorCode::AlreadyExists),
        (0, 32),
        "no signup was refused for load"
    );
}

#[tokio::test]
async fn a_weak_hash_is_replaced_at_the_next_login() {
    let service = with_ada(&[]).await;
    let weak = store_weak_hash(&service).await;
    service.login(EMAIL, PASSWORD).await.unwrap();
    let upgraded = stored_hash(&service).await;
    assert!(upgraded.starts_with(CURRENT) && upgraded != weak, "{upgraded}");
    service.login(EMAIL, PASSWORD).await.unwrap();
    assert_eq!(stored_hash(&service).await, upgraded, "a strong hash stays");
}

#[tokio::test]
async fn a_hash_of_what_was_typed_is_replaced_by_one_of_the_prepared_form() {
    let service = with_ada(&[]).await;
    let (typed, other) = ("Gro\u{308}ße\u{a0}123", "Größe 123");
    let hash = Argon2id::default().hash(&typed.into()).unwrap();
    store_hash(&service, &hash).await;
    assert!(service.login(EMAIL, other).await.is_err(), "nobody has typed it in this way before");
    service.login(EMAIL, typed).await.unwrap();
    let prepared = stored_hash(&service).await;
    assert_ne!(prepared, hash);
    for password in [typed, other] {
        service.login(EMAIL, password).await.unwrap();
    }
    assert_eq!(stored_hash(&service).await, prepared);
}

#[tokio::test]
async fn a_new_password_is_stored_in_its_prepared_form() {
    let service = TestService::start().await;
    let signup = SignupRequest {
        password: "Gro\u{308}ße\u{3000}123".to_owned(),
        ..create_organization(EMAIL, "Acme")
    };
    service.signup(signup).await.unwrap();
    for password in ["Größe 123", "Gro\u{308}ße 123", "Größe\u{a0}123"] {
        service.login(EMAIL, password).await.unwrap();
    }
    assert!(service.login(EMAIL, "Grosse 123").await.is_err());
}

#[tokio::test]
async fn a_refused_login_does_not_replace_the_hash() {
    let service = with_ada(&[]).await;
    let weak = store_weak_hash(&service).await;
    assert!(service.login(EMAIL, "Password124!").await.is_err());
    service.execute(r#"update "User" set disabled = true"#).await;
    assert!(service.login(EMAIL, PASSWORD).await.is_err());
    assert_eq!(stored_hash(&service).await, weak);
}

#[tokio::test]
async fn a_login_succeeds_when_the_upgraded_hash_cannot_be_stored() {
    let service = with_ada(&[]).await;
    let weak = store_weak_hash(&service).await;
    service
        .execute(r#"create function refuse() returns trigger language plpgsql as 'begin raise exception ''no''; end'"#)
        .await;
    service
        .execute(r#"create trigger refuse before update on "User" for each row execute function refuse()"#)
        .await;
    service.login(EMAIL, PASSWORD).await.unwrap();
    assert_eq!(stored_hash(&service).await, weak);
}

#[tokio::test]
async fn a_malformed_stored_hash_is_an_internal_error() {
    let service = with_ada(&[]).await;
    service.execute(r#"update "User" set "passwordHash" = '$argon2id$broken'"#).await;
    let refusal = service.login(EMAIL, PASSWORD).await.unwrap_err();
    assert_eq!(refusal.code(), ErrorCode::Internal);
    assert_eq!(refusal.message(), "Something went wrong on our side.");
}

async fn with_ada(variables: &[(&str, &str)]) -> TestService {
    let service = TestService::start_with(variables).await;
    service.signup(create_organization(EMAIL, "Acme")).await.unwrap();
    service
}

/// Whether the password was checked, right or wrong.
fn is_checked(login: CallResult<Response<SessionReply>>) -> CallResult<()> {
    match login {
        Err(error) if error.code() != ErrorCode::Unauthenticated => Err(error),
        _ => Ok(()),
    }
}

/// A login as a gateway sends it, for a client with this address.
fn login_from(service: &TestService, address: &str, email: &str) -> Request<LoginRequest> {
    let signed = ClientSigner::new(&service.token.secret).sign(address.parse().unwrap(), None).unwrap();
    let mut request =
        Request::new(LoginRequest { email: email.into(), password: PASSWORD.into(), browser: false });
    request.metadata_mut().as_mut().insert(CLIENT_ADDRESS, signed.address);
    request
}

async fn logins(service: &TestService, email: &str) -> Vec<CallResult<()>> {
    let mut calls = JoinSet::new();
    for _ in 0..UNTHROTTLED {
        let mut client = service.client();
        let request = LoginRequest { email: email.into(), password: PASSWORD.into(), browser: false };
        calls.spawn(async move { client.login(request).await.map(drop).map_err(Into::into) });
    }
    calls.join_all().await
}

/// Stores a weak hash of Ada's password.
async fn store_weak_hash(service: &TestService) -> String {
    let params = Params::new(1024, 1, 1, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let weak = argon2.hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    store_hash(service, &weak).await;
    weak
}

async fn store_hash(service: &TestService, hash: &str) {
    let store = sqlx::query(r#"update "User" set "passwordHash" = $1"#).bind(hash);
    store.execute(&mut service.connect().await).await.unwrap();
}

async fn stored_hash(service: &TestService) -> String {
    sqlx::query_scalar(r#"select "passwordHash" from "User""#)
        .fetch_one(&mut service.connect().await)
        .await
        .unwrap()
}
