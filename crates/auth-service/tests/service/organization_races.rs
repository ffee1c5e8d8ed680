//! What happens when admins, members and guests cross, on two replicas.

use auth_service::password::Argon2id;
use eventboard_chassis::{
    error::ErrorCode,
    link_token::{LinkSeed, LinkSigner},
};
use eventboard_domain::{Identity, Role, TokenSession};
use futures::future::{join, join_all};
use uuid::Uuid;

use crate::{
    members::TestMember,
    support::{CallResult, PASSWORD, TestService},
};

/// How often calls cross, each time in an organization of its own.
const ROUNDS: usize = 1_000;

/// How many pairs of calls cross at the same time.
const CONCURRENT: usize = 4;

/// The seed of all invitations.
const SEED: LinkSeed = [7; 32];

/// Each with two admins, a member, and an invitation by the second admin.
const ORGANIZATIONS: &str = r#"
    insert into "Organization" (id, name, slug)
    select number::text::uuid, 'Acme', number from (select lpad(number::text, 32, '0') as number from generate_series(1, $1) number) _;
    insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash", "emailVerifiedAt")
    select (kind || right(organization.id::text, -1))::uuid, organization.id, kind || organization.id || '@example.org',
        'F', 'L', case when kind = 'c' then 'USER' else 'ADMIN' end::"Role", '$argon2id$', now()
    from "Organization" organization, unnest('{a,b,c}'::text[]) kind;
    insert into "Invitation" (id, "organizationId", "invitedById", email, role, seed, "expiresAt")
    select ('e' || right(id::text, -1))::uuid, id, ('b' || right(id::text, -1))::uuid, 'guest' || id || '@example.org', 'USER',
        decode(repeat('07', 32), 'hex'), now() + interval '1 hour'
    from "Organization"
"#;

/// Two replicas.
struct Replicas([TestService; 2]);

/// An organization of a round.
struct Round {
    number: usize,
    first: TestMember,
    second: TestMember,
    invitation: Uuid,
}

impl Round {
    fn new(number: usize) -> Self {
        let organization_id = Uuid::parse_str(&format!("{:032}", number + 1)).unwrap();
        let id = |kind: u128| Uuid::from_u128(organization_id.as_u128() | kind << 124);
        let admin = |id| {
            let (role, session) = (Role::Admin, TokenSession::UNDATED);
            TestMember { id, identity: Identity { user_id: id, organization_id, role, session } }
        };
        Self { number, first: admin(id(0xa)), second: admin(id(0xb)), invitation: id(0xe) }
    }
}

impl Replicas {
    async fn start() -> Self {
        let variables = [("PASSWORD_HASH_CONCURRENCY", "2"), ("DATABASE_MAX_CONNECTIONS", "8")];
        let first = TestService::start_with(&variables).await;
        let second = TestService::start_beside(&first, &variables).await;
        let statements = ORGANIZATIONS.replace("$1", &ROUNDS.to_string());
        let mut connection = first.connect().await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut connection).await.unwrap();
        Self([first, second])
    }

    fn of(&self, number: usize) -> &TestService {
        &self.0[number % 2]
    }

    /// Makes calls cross in all organizations.
    async fn rounds(&self, cross: impl AsyncFn(&Self, Round)) {
        let lanes = (0..CONCURRENT).map(|lane| {
            let cross = &cross;
            async move {
                for number in (lane..ROUNDS).step_by(CONCURRENT) {
                    cross(self, Round::new(number)).await;
                }
            }
        });
        join_all(lanes).await;
    }

    /// Gives all users the password of the tests.
    async fn set_password(&self) {
        let hash = Argon2id::default().hash(&PASSWORD.into()).unwrap();
        let update = sqlx::query(r#"update "User" set "passwordHash" = $1"#).bind(hash);
        update.execute(&mut self.of(0).connect().await).await.unwrap();
    }

    async fn count(&self, query: &'static str) -> i64 {
        self.of(0).count(query).await
    }

    async fn assert_one_admin_remains_everywhere(&self) {
        let organizations = r#"
            select count(*) from "Organization" organization where 1 = (
                select count(*) from "User"
                where "organizationId" = organization.id and role = 'ADMIN' and not disabled
            )
        "#;
        assert_eq!(usize::try_from(self.count(organizations).await), Ok(ROUNDS));
    }
}

/// A call that crosses another one is performed, or refused because nobody else is admin, or because the caller or the member is
/// gone.
fn is_performed<T>(result: CallResult<T>) -> bool {
    match result {
        Ok(_) => true,
        Err(error) => {
            let expected = [ErrorCode::LastAdmin, ErrorCode::Unauthenticated, ErrorCode::NotFound];
            assert!(expected.contains(&error.code()), "{error:?}");
            false
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_admins_who_demote_or_disable_each_other_one_remains() {
    let replicas = Replicas::start().await;
    let cross = async |replicas: &Replicas, Round { number, first, second, invitation: _ }: Round| {
        let one = replicas.of(number).set_role(&first, second.id, Role::User);
        let (one, other) = if number.is_multiple_of(3) {
            join(one, replicas.of(number + 1).set_disabled(&second, first.id, true)).await
        } else {
            join(one, replicas.of(number + 1).set_role(&second, first.id, Role::Moderator)).await
        };
        assert!(is_performed(one) ^ is_performed(other), "round {number}");
    };
    replicas.rounds(cross).await;
    replicas.assert_one_admin_remains_everywhere().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_admins_who_delete_each_other_one_remains() {
    let replicas = Replicas::start().await;
    let cross = async |replicas: &Replicas, Round { number, first, second, invitation: _ }: Round| {
        let one = replicas.of(number).remove_member(&first, second.id);
        let other = replicas.of(number + 1).remove_member(&second, first.id);
        let (one, other) = join(one, other).await;
        assert!(is_performed(one) ^ is_performed(other), "round {number}");
    };
    replicas.rounds(cross).await;
    replicas.assert_one_admin_remains_everywhere().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_remains_when_one_leaves_while_the_other_becomes_a_user() {
    let replicas = Replicas::start().await;
    replicas.set_password().await;
    let cross = async |replicas: &Replicas, Round { number, first, second, invitation: _ }: Round| {
        let service = replicas.of(number);
        let token = service.token_of(&first);
        let leaves = service.delete_me(&token, PASSWORD);
        let demoted = replicas.of(number + 1).set_role(&second, second.id, Role::User);
        let (leaves, demoted) = join(leaves, demoted).await;
        assert!(is_performed(leaves) ^ is_performed(demoted), "round {number}");
    };
    replicas.rounds(cross).await;
    replicas.assert_one_admin_remains_everywhere().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_of_somebody_who_is_disabled_does_not_stay_open() {
    let replicas = Replicas::start().await;
    let cross = async |replicas: &Replicas, Round { number, first, second, invitation: _ }: Round| {
        let disabled = replicas.of(number).set_disabled(&first, second.id, true);
        let email = format!("friend{number}@example.org");
        let (disabled, invited) =
            join(disabled, replicas.of(number + 1).invite(&second, &email, Role::User)).await;
        disabled.unwrap();
        is_performed(invited);
    };
    replicas.rounds(cross).await;
    assert_eq!(replicas.count(r#"select count(*) from "Invitation" where "endedAt" is null"#).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_signups_with_one_invitation_one_joins() {
    let replicas = Replicas::start().await;
    let signer = LinkSigner::new(&replicas.of(0).token);
    let cross = async |replicas: &Replicas, Round { number, first: _, second: _, invitation }: Round| {
        let token = signer.sign(invitation, &SEED).unwrap();
        let (one, other) =
            join(replicas.of(number).join(&token, ""), replicas.of(number + 1).join(&token, "")).await;
        assert!(one.is_ok() ^ other.is_ok(), "round {number}");
        let refused = one.err().or(other.err()).unwrap();
        let expected = [ErrorCode::InvalidInput, ErrorCode::AlreadyExists];
        assert!(expected.contains(&refused.code()), "{refused:?}");
    };
    replicas.rounds(cross).await;
    let joined = replicas.count(r#"select count(*) from "User" where email like 'guest%'"#).await;
    assert_eq!(usize::try_from(joined), Ok(ROUNDS));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_either_withdrawn_or_used() {
    let replicas = Replicas::start().await;
    let signer = LinkSigner::new(&replicas.of(0).token);
    let cross = async |replicas: &Replicas, Round { number, first, second: _, invitation }: Round| {
        let token = signer.sign(invitation, &SEED).unwrap();
        let withdraw = async {
            // Most of a signup is the hash of its password, so that the withdrawal comes at every point of it.
            tokio::time::sleep(std::time::Duration::from_millis(number as u64 % 100)).await;
            replicas.of(number + 1).withdraw(&first, &invitation.to_string()).await
        };
        let (joined, withdrawn) = join(replicas.of(number).join(&token, ""), withdraw).await;
        assert!(joined.is_ok() ^ withdrawn.is_ok(), "round {number}");
    };
    replicas.rounds(cross).await;
    let joined = replicas.count(r#"select count(*) from "User" where email like 'guest%'"#).await;
    let withdrawn = r#"select count(*) from "AuditEntry" where action = 'INVITATION_WITHDRAWN'"#;
    assert_eq!(usize::try_from(joined + replicas.count(withdrawn).await), Ok(ROUNDS));
}
