//! Forms: what was typed, and what is wrong with it.

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
};

use axum::extract::FromRequestParts;
use eventboard_chassis::{error::ServiceError, server::ReceivedBody};
use eventboard_domain::Violations;
use http::request::Parts;
use uuid::Uuid;

use crate::error::PageError;

/// The hidden field with the idempotency key.
pub(crate) const KEY: &str = "form-key";

/// The hidden field with the ID of the user to whom the form was shown.
pub(crate) const MEMBER: &str = "form-member";

/// The field that asks to show what was typed once more, and to do nothing else.
pub(crate) const SHOW: &str = "form-show";

/// How the names of fields end whose values are never written into a page or a log.
const SECRET: &str = "password";

/// The maximum number of fields. The longest form has some twenty. Each one takes a hundred bytes, and more where a page carries it.
const MAX_FIELDS: usize = 100;

/// What was typed, in the order of the fields.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Form(Vec<(String, String)>);

/// The form of a request.
pub(crate) struct FormBody(pub(crate) Arc<Form>);

/// The query of a request. Whatever it is, it can be read.
pub(crate) struct QueryFields(pub(crate) Form);

/// The form of a request, for the handler and for the error page. It is empty until the form was received.
#[derive(Clone, Default)]
pub(crate) struct SharedForm(Arc<OnceLock<ReceivedForm>>);

struct ReceivedForm {
    form: Arc<Form>,
    /// Counts the memory of the form for its client.
    _body: Option<ReceivedBody>,
}

/// A form as a page shows it.
#[derive(Clone)]
pub(crate) struct FormView {
    form: Form,
    errors: Vec<FieldError>,
    /// The idempotency key with which it is sent.
    pub(crate) key: String,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldError {
    /// The name of the field, which is the ID of its input as well.
    pub(crate) field: String,
    /// A sentence that tells what to do.
    pub(crate) message: String,
}

/// Whether the value of a field is never written into a page or a log.
fn is_secret(field: &str) -> bool {
    field.to_ascii_lowercase().ends_with(SECRET)
}

impl Form {
    /// Reads `application/x-www-form-urlencoded`. Line ends become those of the API. Fields beyond the hundredth are ignored.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let fields = form_urlencoded::parse(bytes).take(MAX_FIELDS);
        Self(fields.map(|(name, value)| (name.into_owned(), value.replace("\r\n", "\n"))).collect())
    }

    /// A form that is filled in with these values.
    pub(crate) fn filled<'v>(values: impl IntoIterator<Item = (&'v str, String)>) -> Self {
        Self(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// What was typed into a field. Empty without such a field.
    pub(crate) fn value(&self, field: &str) -> &str {
        self.0.iter().find(|(name, _)| name == field).map_or("", |(_, value)| value)
    }

    /// What was typed into a field, owned. Empty without such a field.
    pub(crate) fn text(&self, field: &str) -> String {
        self.value(field).to_owned()
    }

    /// What was typed into a field. `None` if nothing was.
    pub(crate) fn optional_text(&self, field: &str) -> Option<String> {
        Some(self.text(field)).filter(|text| !text.trim().is_empty())
    }

    /// Whether a box is checked or a button was pressed.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.0.iter().any(|(name, _)| name == field)
    }

    /// The idempotency key that the page has made for the form.
    pub(crate) fn key(&self) -> &str {
        self.value(KEY)
    }

    /// Whether the form is only to be shown once more.
    pub(crate) fn is_to_be_shown(&self) -> bool {
        self.has(SHOW)
    }

    /// Whether the form has a field that must be typed again.
    pub(crate) fn has_secret(&self) -> bool {
        self.0.iter().any(|(name, _)| is_secret(name))
    }

    /// The fields that another page may carry in hidden fields: all but the secret ones.
    pub(crate) fn carried(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        fields.filter(|(name, _)| !is_secret(name) && *name != SHOW)
    }

    /// The form inside a form of another page, where the names of its fields have a prefix.
    pub(crate) fn inside(&self, prefix: &str) -> Self {
        let fields = self.0.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix(prefix)?;
            Some((name.to_owned(), value.clone()))
        });
        Self(fields.collect())
    }

    /// The form with another field.
    pub(crate) fn with(mut self, field: &str, value: &str) -> Self {
        self.0.push((field.to_owned(), value.to_owned()));
        self
    }
}

impl<S: Sync> FromRequestParts<S> for FormBody {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, PageError> {
        let form = parts.extensions.get::<SharedForm>().and_then(SharedForm::get);
        Ok(Self(form.ok_or_else(|| ServiceError::internal("the form was not received"))?))
    }
}

impl<S: Sync> FromRequestParts<S> for QueryFields {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Form::parse(parts.uri.query().unwrap_or_default().as_bytes())))
    }
}

impl SharedForm {
    /// A form that another form has carried.
    pub(crate) fn carried(form: Form) -> Self {
        let shared = Self::default();
        shared.set(form, None);
        shared
    }

    /// The form, once it was received.
    pub(crate) fn get(&self) -> Option<Arc<Form>> {
        self.0.get().map(|received| Arc::clone(&received.form))
    }

    /// Keeps the form. A request has only one; if there were ever a second one, the first would be kept.
    pub(crate) fn set(&self, form: Form, body: Option<ReceivedBody>) {
        let _ = self.0.set(ReceivedForm { form: Arc::new(form), _body: body });
    }
}

impl FormView {
    /// A form in which nothing was typed yet.
    pub(crate) fn empty() -> Self {
        Self::of(Form::default())
    }

    /// A form with these values. It gets a new idempotency key: it is another form than the one that was sent.
    pub(crate) fn of(form: Form) -> Self {
        Self { form, errors: Vec::new(), key: Uuid::new_v4().to_string() }
    }

    /// What was typed, with what is wrong. `sentence` makes a sentence of a field's name and its violation.
    pub(crate) fn with_violations(
        form: &Form,
        violations: &Violations,
        sentence: impl Fn(&str, &str) -> String,
    ) -> Self {
        let errors = violations.iter().map(|violation| FieldError {
            field: violation.field.clone(),
            message: sentence(&violation.field, &violation.message),
        });
        Self { errors: errors.collect(), ..Self::of(form.clone()) }
    }

    /// What was typed, with one thing that is wrong.
    pub(crate) fn with_error(form: &Form, field: &str, message: String) -> Self {
        Self { errors: vec![FieldError { field: field.to_owned(), message }], ..Self::of(form.clone()) }
    }

    /// What the input of a field shows. Secret fields are empty.
    pub(crate) fn value(&self, field: &str) -> &str {
        if is_secret(field) { "" } else { self.form.value(field) }
    }

    /// Whether a box is checked.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.form.has(field)
    }

    /// What is wrong with a field.
    pub(crate) fn error(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }

    /// All that is wrong, for the summary.
    pub(crate) fn errors(&self) -> &[FieldError] {
        &self.errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_become_those_of_the_api_and_secrets_are_not_carried() {
        let form = Form::parse(b"title=A+b&description=x%0D%0Ay&password=Secret&form-show=1");
        assert_eq!(form.value("description"), "x\ny");
        assert!(form.is_to_be_shown() && form.has_secret());
        let carried: Vec<_> = form.carried().collect();
        assert_eq!(carried, [("title", "A b"), ("description", "x\ny")]);
        assert_eq!(FormView::of(form).value("password"), "");
    }

    #[test]
    fn the_templates_name_the_fields_of_passwords_so_that_they_are_secret() {
        for name in ["password", "currentPassword", "newPassword", "x-Password"] {
            assert!(is_secret(name), "{name}");
        }
        assert!(!is_secret("email"));
    }

    #[test]
    fn a_form_has_a_hundred_fields_at_most() {
        assert_eq!(Form::parse("a&".repeat(10_000).as_bytes()).carried().count(), MAX_FIELDS);
    }

    #[test]
    fn a_form_inside_another_one_has_its_own_names() {
        let form = Form::parse(b"email=a&carried-title=T&carried-form-key=k");
        let inside = form.inside("carried-");
        assert_eq!((inside.value("title"), inside.key(), inside.value("email")), ("T", "k", ""));
    }
}
