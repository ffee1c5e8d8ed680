//! Every action of the audit is recorded by the operation that it names.

use std::time::Duration;

use eventboard_domain::AuditAction;
use serde_json::Value;

use crate::{
    support::{Installation, run},
    up::Up,
};

/// A dead mail to the admin.
const DEAD_MAIL: &str = r#"
    insert into "Outbox" (id, kind, "organizationId", "recipientId", "correlationId", state, "finishedAt")
    select gen_random_uuid(), 'WELCOME', "organizationId", id, 'a-request', 'DEAD', now()
    from "User" where email = 'admin@acme.com'
"#;

const IDEMPOTENCY_KEY: &str = r#"
    insert into "IdempotencyKey" ("callerId", service, operation, key, fingerprint, "requestId", response, "expiresAt")
    values (gen_random_uuid(), 'events-service', 'Create', 'a', decode(repeat('00', 32), 'hex'), gen_random_uuid(), '',
        now() + interval '1 hour')
"#;

/// Does what the action records. A new action must be added here, with what records it.
async fn perform(action: AuditAction, installation: &Installation, up: &Up) {
    let command = |arguments: &str| drop(installation.run(arguments).success());
    let credentials = |password: &str| format!(r#"{{"email": "admin@acme.com", "password": "{password}"}}"#);
    let login = |password: &str| up.post("/auth/login", &credentials(password));
    let refresh_token = || {
        let session = up.post_for_json("/auth/login", &credentials("Password123!"));
        session["refreshToken"].as_str().unwrap().to_owned()
    };
    match action {
        AuditAction::SignedUp => {
            let body = r#"{"email": "grace@example.org", "password": "Password123!", "firstName": "Grace",
                "lastName": "Hopper", "organizationName": "Compilers United"}"#;
            assert_eq!(up.post("/auth/signup", body), 201);
        }
        AuditAction::LoginSucceeded => assert_eq!(login("Password123!"), 200),
        AuditAction::LoginFailed => assert_eq!(login("Password124!"), 401),
        AuditAction::LoginThrottled => {
            let guess = r#"{"email": "user@acme.com", "password": "Password124!"}"#;
            for _ in 0..10 {
                assert_eq!(up.post("/auth/login", guess), 401);
            }
            assert_eq!(up.post("/auth/login", guess), 429);
        }
        AuditAction::SessionRevoked => {
            let token = refresh_token();
            assert_eq!(up.post("/auth/logout", &format!(r#"{{"refreshToken": "{token}"}}"#)), 204);
        }
        AuditAction::SessionRefreshedElsewhere => {
            let token = refresh_token();
            let refresh = || up.post("/auth/refresh", &format!(r#"{{"refreshToken": "{token}"}}"#));
            assert_eq!(refresh(), 200);
            installation.execute(r#"update "Session" set address = '203.0.113.0/24'"#).await;
            assert_eq!(refresh(), 200);
        }
        AuditAction::PasswordChanged => {
            let session = up.post_for_json("/auth/login", &credentials("Password123!"));
            let change =
                |from: &str, to: &str| format!(r#"{{"currentPassword": "{from}", "newPassword": "{to}"}}"#);
            for body in [change("Password123!", "Password124!"), change("Password124!", "Password123!")] {
                assert_eq!(
                    up.post_as(session["accessToken"].as_str().unwrap(), "/auth/password", &body),
                    204
                );
            }
        }
        AuditAction::PasswordResetRequested => forget_password(installation, up).await,
        AuditAction::PasswordReset => {
            forget_password(installation, up).await;
            let token =
                installation.link_in_mail("user@techinnovators.com", "/board/reset-password?token=").await;
            let body = format!(r#"{{"token": "{token}", "newPassword": "Seven-blue-kettles-9"}}"#);
            assert_eq!(up.post("/auth/password/reset", &body), 204);
        }
        AuditAction::EmailVerified => {
            installation.execute(r#"update "User" set "emailVerifiedAt" = null"#).await;
            command("user verify user@acme.com");
        }
        AuditAction::EmailChangeRequested => change_email(up, "asked@acme.com"),
        AuditAction::EmailChanged => {
            change_email(up, "changed@acme.com");
            let token = installation.link_in_mail("changed@acme.com", "/board/verify-email?token=").await;
            assert_eq!(up.post("/auth/email/verify", &format!(r#"{{"token": "{token}"}}"#)), 204);
        }
        AuditAction::RoleChanged => command("user role user@acme.com moderator"),
        AuditAction::UserDisabled => command("user disable user@acme.com"),
        AuditAction::UserEnabled => {
            command("user disable user@acme.com");
            command("user enable user@acme.com");
        }
        AuditAction::UserDeleted => command("user delete changed@acme.com"),
        AuditAction::EventsTransferred => {
            command("org transfer acme-corp --from user@acme.com --to admin@acme.com");
        }
        AuditAction::DataExported => {
            let session = up.post_for_json("/auth/login", &credentials("Password123!"));
            assert_eq!(up.get_as(session["accessToken"].as_str().unwrap(), "/auth/me/export"), 200);
        }
        AuditAction::InvitationCreated => command("org invite acme-corp invited@example.org"),
        AuditAction::InvitationUsed => {
            command("org invite acme-corp joining@example.org");
            let token = installation.link_in_mail("joining@example.org", "/board/join?token=").await;
            let body = format!(
                r#"{{"invitationToken": "{token}", "password": "Seven-blue-kettles-9", "firstName": "Joan",
                "lastName": "Clarke"}}"#
            );
            assert_eq!(up.post("/auth/signup", &body), 201);
        }
        AuditAction::InvitationWithdrawn => {
            let invitation = installation.run("org invite acme-corp withdrawn@example.org --json").success();
            let invitation: Value = serde_json::from_str(&invitation).unwrap();
            command(&format!("org uninvite acme-corp {}", invitation["id"].as_str().unwrap()));
        }
        AuditAction::SettingsChanged => command("org close acme-corp"),
        AuditAction::OrganizationDeleted => command("org delete tech-innovators --force"),
        AuditAction::IdempotencyKeysCleared => {
            installation.execute(IDEMPOTENCY_KEY).await;
            command("idempotency clear --key a");
        }
        AuditAction::MailsRetried => {
            installation.execute(DEAD_MAIL).await;
            command("outbox retry --dead");
        }
        AuditAction::MailsDiscarded => {
            installation.execute(DEAD_MAIL).await;
            command("outbox discard --dead");
        }
        AuditAction::DataSeeded => command("seed --events 10"),
        AuditAction::SchemaMigrated => {
            installation.execute("delete from _sqlx_migrations where version > 17").await;
            let mut migrate = installation.command("migrate");
            run(migrate.env("DATABASE_URL", installation.database.url())).success();
        }
    }
}

fn change_email(up: &Up, new_email: &str) {
    let login = r#"{"email": "moderator@acme.com", "password": "Password123!"}"#;
    let session = up.post_for_json("/auth/login", login);
    let body = format!(r#"{{"newEmail": "{new_email}", "password": "Password123!"}}"#);
    assert_eq!(up.post_as(session["accessToken"].as_str().unwrap(), "/auth/email", &body), 202);
}

/// notification-service records that somebody asked, a moment later.
async fn forget_password(installation: &Installation, up: &Up) {
    let requests = r#"select count(*) from "AuditEntry" where action = 'PASSWORD_RESET_REQUESTED'"#;
    let before = installation.query_number(requests).await;
    assert_eq!(up.post("/auth/password/forgot", r#"{"email": "User@techinnovators.com"}"#), 202);
    while installation.query_number(requests).await == before {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_action_is_recorded_by_a_real_operation_and_shown() {
    let installation = Installation::create_with_demo_data().await;
    let up = Up::start_until_ready(&mut installation.command("up"));
    for action in AuditAction::ALL {
        perform(*action, &installation, &up).await;
        let newest = &installation.run("audit --limit 1 --json").json()[0];
        assert_eq!(newest["action"], action.as_str());
    }
    up.interrupt();
}
