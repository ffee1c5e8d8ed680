//! `/board/organization`: the settings of the organization, and what it uses of its limits.

use askama::Template;
use axum::{Router, response::Response, routing::get};
use eventboard_chassis::error::{ErrorCode, ServiceError};
use eventboard_client::Backend;
use eventboard_proto::{
    auth::{GetOrganizationRequest, Organization, OrganizationReply, UpdateOrganizationRequest},
    events::{GetUsageRequest, UsageReply},
};
use futures::join;

use super::{Admin, faults};
use crate::{
    Board,
    banner::Banner,
    calls::{auth_reply, events_reply, if_version},
    error::PageError,
    form::{Form, FormBody, FormView},
    page::{Page, Section, SignedIn, redirect_with_banner, render, render_faults},
    query::with_query,
    texts::OrganizationTexts,
};

/// The path of the page.
const PATH: &str = "/board/organization";

/// The settings, by the names of their fields. Each has a form of its own.
const NAME: &str = "name";
const OPEN_SIGNUP: &str = "openSignup";
const TIME_ZONE: &str = "timeZone";

/// The hidden field of the form with the box for [`OPEN_SIGNUP`].
const JOINING: &str = "joining";

#[derive(Template)]
#[template(path = "pages/admin/organization.html")]
struct OrganizationPage {
    page: Page,
    /// The settings, of which one may have been typed.
    form: FormView,
    version: i64,
    /// The link with which anybody can join.
    link: String,
    usage: Usage,
}

/// The organization as it is stored.
struct Stored {
    id: String,
    name: String,
    is_open: bool,
    time_zone: String,
    version: i64,
    usage: Usage,
}

/// What the organization uses of its limits.
struct Usage {
    /// `None` while they are counted, or if events-service does not answer.
    events: Option<i64>,
    max_events: i64,
    bytes: Option<i64>,
    max_bytes: i64,
    members: i64,
    max_members: i64,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route(PATH, get(show).post(update))
}

async fn show(Admin(visit): Admin) -> Result<Response, PageError> {
    let stored = Stored::load(&visit).await?;
    let form = FormView::of(stored.fill(Form::default()));
    render(&OrganizationPage::new(visit, stored, form))
}

/// Changes the setting that the form is about.
async fn update(Admin(visit): Admin, FormBody(form): FormBody) -> Result<Response, PageError> {
    let form = with_box((*form).clone());
    if form.is_to_be_shown() {
        let stored = Stored::load(&visit).await?;
        let form = FormView::of(stored.fill(form.clone()));
        return render(&OrganizationPage::new(visit, stored, form));
    }
    let message = UpdateOrganizationRequest {
        name: form.has(NAME).then(|| form.text(NAME)),
        open_signup: form.value(OPEN_SIGNUP).parse().ok(),
        time_zone: form.has(TIME_ZONE).then(|| form.text(TIME_ZONE)),
        if_match: if_version(form.value("version")),
        if_none_match: None,
        idempotency: Some(visit.calls.idempotency(form.key())),
    };
    let reply = visit.board.clients().auth().update_organization(visit.calls.request(message)).await;
    let Err(error) = auth_reply(reply) else {
        // The header shows the name, and the days of the board follow the time zone.
        visit.board.sessions().forget(&visit.secret).await;
        return Ok(redirect_with_banner(&visit.board, PATH, Banner::SettingsSaved));
    };
    let setting = setting(&form);
    let is_stale = error.code() == ErrorCode::StaleVersion;
    let stored = Stored::load(&visit).await?;
    let filled = stored.fill(form.clone());
    let form = if is_stale {
        let message = stored.is_now(&visit.page.texts.admin.organization, setting);
        FormView::with_error(&filled, setting, message)
    } else {
        faults(&visit.page, &filled, setting, error)?
    };
    render_faults(&OrganizationPage::new(visit, stored, form))
}

/// The form with the value of its box. Browsers leave out a box that is not checked.
fn with_box(form: Form) -> Form {
    if form.has(JOINING) && !form.has(OPEN_SIGNUP) { form.with(OPEN_SIGNUP, "false") } else { form }
}

/// The name of the setting that a form is about.
fn setting(form: &Form) -> &'static str {
    [NAME, OPEN_SIGNUP].into_iter().find(|setting| form.has(setting)).unwrap_or(TIME_ZONE)
}

impl Stored {
    /// Asks for the organization. The page is not refused because its usage is unknown.
    async fn load(visit: &SignedIn) -> Result<Self, ServiceError> {
        let (mut auth, mut events) = (visit.board.clients().auth(), visit.board.clients().events());
        let organization = auth.get_organization(visit.calls.request(GetOrganizationRequest {}));
        let usage = events.get_usage(visit.calls.request(GetUsageRequest {}));
        let (organization, usage) = join!(organization, usage);
        Self::new(auth_reply(organization)?, events_reply(usage).unwrap_or_default())
    }

    fn new(organization: OrganizationReply, usage: UsageReply) -> Result<Self, ServiceError> {
        let OrganizationReply {
            organization,
            open_signup: is_open,
            time_zone,
            created_at: _,
            max_events,
            max_bytes,
            max_members,
            members,
            version,
            replayed: _,
        } = organization;
        let Organization { id, name, slug: _ } =
            organization.ok_or_else(|| Backend::Auth.invalid_reply("organization"))?;
        let UsageReply { events, bytes } = usage;
        let usage = Usage { events, max_events, bytes, max_bytes, members, max_members };
        Ok(Self { id, name, is_open, time_zone, version, usage })
    }

    /// Adds the settings that were not typed: the first value of a field is the one that counts.
    fn fill(&self, typed: Form) -> Form {
        typed
            .with(NAME, &self.name)
            .with(OPEN_SIGNUP, &self.is_open.to_string())
            .with(TIME_ZONE, &self.time_zone)
    }

    /// Tells what somebody else has stored meanwhile.
    fn is_now(&self, texts: &OrganizationTexts, setting: &str) -> String {
        match setting {
            NAME => (texts.changed_meanwhile)(&self.name),
            OPEN_SIGNUP if self.is_open => (texts.changed_meanwhile)(texts.open),
            OPEN_SIGNUP => (texts.changed_meanwhile)(texts.closed),
            _ => (texts.changed_meanwhile)(&self.time_zone),
        }
    }
}

impl OrganizationPage {
    fn new(visit: SignedIn, stored: Stored, form: FormView) -> Self {
        let SignedIn { board, calls: _, page, session: _, secret: _ } = visit;
        let Stored { id, name: _, is_open: _, time_zone: _, version, usage } = stored;
        let link = board.public_url().link(&with_query("/board/sign-up", [("organization", &*id)]));
        Self { page: page.in_section(Section::Organization), form, version, link, usage }
    }

    /// `12 of 1,000`, or only the limit while the number is unknown.
    fn used(&self, used: Option<i64>, limit: i64) -> String {
        let texts = &self.page.texts.admin.organization;
        match used {
            Some(used) => (texts.used)(&(texts.number)(used), &(texts.number)(limit)),
            None => (texts.used_unknown)(&(texts.number)(limit)),
        }
    }

    /// The same for bytes.
    fn stored(&self) -> String {
        let texts = &self.page.texts.admin.organization;
        let limit = (texts.bytes)(self.usage.max_bytes);
        match self.usage.bytes {
            Some(bytes) => (texts.used)(&(texts.bytes)(bytes), &limit),
            None => (texts.used_unknown)(&limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::ENGLISH;

    fn stored() -> Stored {
        let organization = Organization { id: "o".into(), name: "Acme".into(), slug: "acme".into() };
        let reply = OrganizationReply {
            organization: Some(organization),
            open_signup: true,
            time_zone: "UTC".into(),
            version: 7,
            ..OrganizationReply::default()
        };
        Stored::new(reply, UsageReply::default()).expect("an organization")
    }

    #[test]
    fn what_was_typed_stays_and_the_other_settings_are_the_stored_ones() {
        let typed = Form::parse(b"name=Acme+2&version=6");
        let filled = stored().fill(typed.clone());
        assert_eq!(
            (setting(&typed), filled.value("name"), filled.value("timeZone")),
            (NAME, "Acme 2", "UTC")
        );
    }

    #[test]
    fn a_box_that_is_not_checked_closes_the_organization() {
        let typed = with_box(Form::parse(b"joining=1&version=6"));
        assert_eq!((setting(&typed), stored().fill(typed).value("openSignup")), (OPEN_SIGNUP, "false"));
        assert_eq!(with_box(Form::parse(b"joining=1&openSignup=true")).value("openSignup"), "true");
        assert!(!with_box(Form::parse(b"name=Acme")).has("openSignup"));
    }

    #[test]
    fn a_setting_that_has_changed_meanwhile_is_told() {
        let texts = &ENGLISH.admin.organization;
        for (setting, value) in [(NAME, "Acme"), (OPEN_SIGNUP, texts.open), (TIME_ZONE, "UTC")] {
            assert!(stored().is_now(texts, setting).contains(value), "{setting}");
        }
    }
}
