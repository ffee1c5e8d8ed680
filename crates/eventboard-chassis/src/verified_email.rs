//! Whether users must prove that their e-mail addresses are theirs.

use crate::config::{AppEnv, Env};

/// Reads `REQUIRE_VERIFIED_EMAIL` (default: true in production if `MAIL_FROM` is set): whether only users with a verified e-mail
/// address may submit, decide and administer. `MAIL_FROM` is required where mails are sent, and is no secret. Without mails, nobody
/// could verify an address.
pub fn require_verified_email_from_env(env: &mut Env) -> bool {
    let sends_mails = AppEnv::from_env(env) == AppEnv::Production && env.is_set("MAIL_FROM");
    env.flag("REQUIRE_VERIFIED_EMAIL", sends_mails)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verified_addresses_are_required_in_production_where_mails_are_sent() {
        let required = |variables: &[(&str, &str)]| {
            let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            require_verified_email_from_env(&mut variables.collect())
        };
        let (production, sender) = (("APP_ENV", "production"), ("MAIL_FROM", "board@example.org"));
        assert!(required(&[production, sender]));
        assert!(
            !required(&[production]) && !required(&[sender]) && !required(&[production, ("MAIL_FROM", "")])
        );
        assert!(required(&[("REQUIRE_VERIFIED_EMAIL", "true")]));
        assert!(!required(&[production, sender, ("REQUIRE_VERIFIED_EMAIL", "false")]));
    }
}
