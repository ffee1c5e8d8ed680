//! Tests of addresses in different spellings.

use eventboard_chassis::error::ErrorCode;
use futures::future::join_all;

use crate::support::{PASSWORD, TestService, code, count_outcomes, create_organization};

const EMAIL: &str = "Größe@Bücher.example";
const WRONG: &str = "Password124!";

/// Other spellings of the address, as people and their keyboards write it.
const SPELLINGS: [&str; 6] = [
    "größe@bücher.example",
    "GRÖSSE@BÜCHER.EXAMPLE",
    "grösse@xn--bcher-kva.example",
    "gro\u{308}ße@bu\u{308}cher.example",
    "größe@bücher。example",
    " GRÖẞE@XN--BCHER-KVA.example ",
];

/// A twin whose password is right, as a migration leaves one. No signup makes one.
const CREATE_TWIN: &str = r#"
    insert into "User" (
        id, "organizationId", email, "firstName", "lastName", role, "passwordHash", "normalizedEmail"
    )
    select '01890000-0000-7000-8000-0000000000f2', "organizationId", 'GRÖSSE@xn--bcher-kva.example', 'Twin', 'Lovelace',
        'USER', "passwordHash", "normalizedEmail" || '#01890000-0000-7000-8000-0000000000f2'
    from "User""#;
const TWIN: &str = "GRÖSSE@xn--bcher-kva.example";

async fn with_account() -> TestService {
    let service = TestService::start().await;
    service.signup(create_organization(EMAIL, "Acme")).await.unwrap();
    service
}

#[tokio::test]
async fn a_login_takes_the_address_in_every_spelling() {
    let service = with_account().await;
    for spelling in SPELLINGS.iter().chain([&EMAIL]) {
        let session = service.login(spelling, PASSWORD).await.unwrap();
        assert_eq!(session.user.unwrap().email, EMAIL, "as it was given at signup");
    }
    for other in ["grosse@bücher.example", "größe@bucher.example", "größe@bücher.example.org"] {
        assert_eq!(code(service.login(other, PASSWORD).await), ErrorCode::Unauthenticated, "{other}");
    }
}

#[tokio::test]
async fn a_signup_with_another_spelling_of_an_address_is_refused() {
    let service = with_account().await;
    for spelling in SPELLINGS {
        // A signup takes only a dot in the domain.
        let expected =
            if spelling.contains('。') { ErrorCode::InvalidInput } else { ErrorCode::AlreadyExists };
        let refusal = service.signup(create_organization(spelling, "Another One")).await;
        assert_eq!(code(refusal), expected, "{spelling}");
    }
    for [first, second] in
        [["strasse@example.org", "Straße@example.org"], ["a@xn--bcher-kva.example", "A@bücher.example"]]
    {
        service.signup(create_organization(first, first)).await.unwrap();
        let refusal = service.signup(create_organization(second, "Another One")).await;
        assert_eq!(code(refusal), ErrorCode::AlreadyExists, "{second}");
    }
    service.signup(create_organization("grosse@bücher.example", "Another One")).await.unwrap();
}

#[tokio::test]
async fn one_of_eight_concurrent_signups_with_spellings_of_one_address_succeeds() {
    let service = TestService::start().await;
    let spellings = [EMAIL, SPELLINGS[1], SPELLINGS[2], SPELLINGS[5]];
    let signups = (0..8).map(|number| {
        service.signup(create_organization(spellings[number % 4], &format!("Organization {number}")))
    });
    let results = join_all(signups).await;
    assert_eq!(count_outcomes(results, ErrorCode::AlreadyExists), (1, 7));
    assert_eq!(service.count(r#"select count(*) from "User""#).await, 1);
}

#[tokio::test]
async fn only_a_form_that_differs_from_the_address_in_lower_case_is_stored() {
    let service = with_account().await;
    service.signup(create_organization("Ada@Example.org", "Ada")).await.unwrap();
    service.signup(create_organization("Émile@example.org", "Emile")).await.unwrap();
    let forms = r#"select string_agg(coalesce("normalizedEmail", '-'), ' ' order by id) from "User""#;
    let forms: String = sqlx::query_scalar(forms).fetch_one(&mut service.connect().await).await.unwrap();
    assert_eq!(forms, "grösse@xn--bcher-kva.example - -");
}

#[tokio::test]
async fn a_twin_signs_in_by_its_exact_spelling_and_the_older_account_by_all_others() {
    let service = with_account().await;
    service.execute(CREATE_TWIN).await;
    let email = async |typed: &str| service.login(typed, PASSWORD).await.unwrap().user.unwrap().email;
    assert_eq!(email(TWIN).await, TWIN);
    for spelling in SPELLINGS.iter().chain([&EMAIL]) {
        assert_eq!(email(spelling).await, EMAIL, "{spelling}");
    }
    assert_eq!(email(&TWIN.to_lowercase()).await, EMAIL);
    for taken in [TWIN, EMAIL, SPELLINGS[1]] {
        let refusal = service.signup(create_organization(taken, "Another One")).await;
        assert_eq!(code(refusal), ErrorCode::AlreadyExists, "{taken}");
    }
}

#[tokio::test]
async fn wrong_passwords_of_all_spellings_count_together_and_those_of_a_twin_apart() {
    let service = with_account().await;
    service.execute(CREATE_TWIN).await;
    let unknown = ["ünknown@example.org", "U\u{308}NKNOWN@EXAMPLE.org"];
    for spellings in [&SPELLINGS[..], &unknown] {
        for number in 0..10 {
            let spelling = spellings[number % spellings.len()];
            assert_eq!(code(service.login(spelling, WRONG).await), ErrorCode::Unauthenticated, "{spelling}");
        }
        for spelling in spellings {
            assert_eq!(code(service.login(spelling, PASSWORD).await), ErrorCode::Throttled, "{spelling}");
        }
    }
    assert_eq!(code(service.login(EMAIL, PASSWORD).await), ErrorCode::Throttled);
    service.login(TWIN, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_change_of_the_password_counts_with_the_logins() {
    let service = with_account().await;
    let session = service.login(SPELLINGS[1], PASSWORD).await.unwrap();
    for _ in 0..10 {
        assert_eq!(code(service.login(SPELLINGS[2], WRONG).await), ErrorCode::Unauthenticated);
    }
    let change = service.change_password(&session.access_token, PASSWORD, "Seven-blue-kettles-9").await;
    assert_eq!(code(change), ErrorCode::Throttled);
}
