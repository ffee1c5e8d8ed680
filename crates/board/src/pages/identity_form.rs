//! What is wrong with a form about who somebody is: names, addresses and passwords.

use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_domain::{Violation, Violations, rules::REQUIRED};

use crate::{
    error::PageError,
    form::{Form, FormView},
    texts::Texts,
};

/// The rule for addresses, which does not say what to do.
const EMAIL_RULE: &str = "must be a valid e-mail address";

/// The fields in the order in which pages show them.
const FIELDS: [&str; 9] = [
    "organizationName",
    "organizationId",
    "firstName",
    "lastName",
    "email",
    "newEmail",
    "currentPassword",
    "password",
    "newPassword",
];

/// What is wrong with the form. `password` is the field with the password that proves who sends it; it tells when too many were wrong.
///
/// # Errors
/// What the user cannot mend.
pub(super) fn faults(
    texts: &Texts,
    form: &Form,
    error: ServiceError,
    password: &str,
) -> Result<FormView, PageError> {
    match error.code() {
        ErrorCode::InvalidInput => {
            let violations = in_order(error.violations());
            Ok(FormView::with_violations(form, &violations, |field, rule| sentence(texts, field, rule)))
        }
        ErrorCode::Throttled => Ok(FormView::with_error(form, password, throttled(texts, &error))),
        _ => Err(error.into()),
    }
}

/// The violations in the order of the fields on the pages.
fn in_order(violations: &Violations) -> Violations {
    let place = |violation: &Violation| FIELDS.iter().position(|field| *field == violation.field);
    let mut violations: Vec<_> = violations.iter().cloned().collect();
    violations.sort_by_key(|violation| place(violation).unwrap_or(FIELDS.len()));
    violations.into_iter().collect()
}

/// When to try another password.
pub(super) fn throttled(texts: &Texts, error: &ServiceError) -> String {
    (texts.auth.throttled)(error.retry_after().map_or(60, |time| time.as_secs()))
}

/// Whether the link whose token the form has does not work.
pub(super) fn is_link_spent(error: &ServiceError) -> bool {
    error.violations().iter().any(|violation| violation.field == "token")
}

/// A violation as a sentence.
fn sentence(texts: &Texts, field: &str, rule: &str) -> String {
    match (field, rule) {
        ("email" | "newEmail", EMAIL_RULE) => texts.auth.email_rule.to_owned(),
        ("organizationId", rule) if rule != REQUIRED => texts.auth.organization_id_rule.to_owned(),
        _ => (texts.common.violation)(label(texts, field), rule),
    }
}

/// What pages call a field.
fn label<'t>(texts: &'t Texts, field: &'t str) -> &'t str {
    match field {
        "organizationName" => texts.auth.organization_name,
        "organizationId" => texts.auth.organization_id,
        "firstName" => texts.auth.first_name,
        "lastName" => texts.auth.last_name,
        "email" => texts.auth.email,
        "password" => texts.auth.password,
        "newPassword" => texts.auth.new_password,
        "currentPassword" => texts.account.current_password,
        "newEmail" => texts.account.new_email,
        "timeZone" => texts.account.time_zone,
        _ => field,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use eventboard_domain::{Refusal, rules};

    use super::*;
    use crate::texts::ENGLISH;

    #[test]
    fn every_fault_is_a_sentence_at_its_field() {
        let mut violations = Violations::default();
        violations.check("email", rules::email("ola"));
        violations.check("firstName", rules::person_name(" "));
        violations.add("organizationId", "must be a UUID");
        let form = Form::filled([("email", "ola".to_owned())]);
        let view = faults(&ENGLISH, &form, violations.into(), "password").expect("faults");
        let order: Vec<_> = view.errors().iter().map(|error| error.field.as_str()).collect();
        assert_eq!(order, ["organizationId", "firstName", "email"]);
        assert_eq!(view.error("firstName"), Some("First name is required."));
        assert_eq!(view.error("email"), Some(ENGLISH.auth.email_rule));
        assert_eq!(view.error("organizationId"), Some(ENGLISH.auth.organization_id_rule));
        assert_eq!(view.value("email"), "ola");
    }

    #[test]
    fn too_many_wrong_passwords_are_told_at_the_password() {
        let error = Refusal::Throttled { retry_after: Duration::from_secs(90) }.into();
        let view = faults(&ENGLISH, &Form::default(), error, "currentPassword").expect("faults");
        assert_eq!(
            view.error("currentPassword"),
            Some("Too many wrong passwords. Wait 2 minutes, then try again.")
        );
    }
}
