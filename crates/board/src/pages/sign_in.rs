//! `/board/sign-in` and `/board/sign-out`.

use askama::Template;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use eventboard_chassis::{
    browser_secret::BrowserSecret,
    error::{ErrorCode, ServiceError},
};
use eventboard_proto::auth::{LoginRequest, LogoutRequest, SessionReply};
use http::{header, request::Parts};
use secrecy::SecretString;
use tower::ServiceExt;

use super::{home::SIGNED_IN_PATH, identity_form::throttled};
use crate::{
    Board,
    banner::Banner,
    calls::{Calls, auth_reply},
    cookie,
    error::PageError,
    form::SharedForm,
    form::{Form, FormBody, FormView, MEMBER, QueryFields, SHOW},
    next_path::NextPath,
    page::{Page, Visitor, redirect, redirect_with_banner, render, render_faults},
    texts::Texts,
};

/// The path of the sign-in form.
pub(crate) const PATH: &str = "/board/sign-in";

/// The prefix of the fields of a form whose session has ended. The sign-in form carries them.
const CARRIED: &str = "carried-";

/// The page with the sign-in form.
#[derive(Template)]
#[template(path = "pages/sign_in.html")]
pub(crate) struct SignInPage {
    page: Page,
    form: FormView,
    /// Whether the browser had a session that has ended.
    has_ended: bool,
    next: NextPath,
    /// The fields of the form whose session has ended.
    carried: Vec<(String, String)>,
}

pub(super) fn routes() -> Router<Board> {
    Router::new().route(PATH, get(show).post(sign_in)).route("/board/sign-out", post(sign_out))
}

async fn show(visitor: Visitor, QueryFields(query): QueryFields) -> Result<Response, PageError> {
    let next = NextPath::parse(query.value("next"));
    // Not with a path: a page that leads here again would lead in circles.
    if next.is_home() && visitor.session().await?.is_some() {
        return Ok(redirect(SIGNED_IN_PATH));
    }
    let page = visitor.page;
    let has_ended = visitor.secret.is_some();
    render(&SignInPage { page, form: FormView::empty(), has_ended, next, carried: Vec::new() })
}

async fn sign_in(
    visitor: Visitor,
    State(board): State<Board>,
    FormBody(form): FormBody,
    request: Request,
) -> Result<Response, PageError> {
    let Visitor { board: _, calls, page, secret } = visitor;
    let (parts, _) = request.into_parts();
    let next = NextPath::parse(form.value("next"));
    let carried = form.inside(CARRIED);
    if form.is_to_be_shown() {
        return render(&SignInPage {
            page,
            form: FormView::of((*form).clone()),
            has_ended: false,
            next,
            carried: owned(&carried),
        });
    }
    let message = LoginRequest { email: form.text("email"), password: form.text("password"), browser: true };
    let reply = auth_reply(board.clients().auth().login(calls.request_once(message)).await);
    let session = match reply {
        Ok(session) => session,
        Err(error) => {
            let form = faults(page.texts, &form, error)?;
            return render_faults(&SignInPage {
                page,
                form,
                has_ended: false,
                next,
                carried: owned(&carried),
            });
        }
    };
    let mut response = match shown_to(&session) == Some(carried.value(MEMBER)) {
        true => show_again(&board, &parts, &next, carried, &session).await,
        false => redirect(next.as_str()),
    };
    replace_session(&board, calls, secret, session, &mut response).await;
    Ok(response)
}

/// The fields that the page carries.
fn owned(form: &Form) -> Vec<(String, String)> {
    form.carried().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What is wrong with the form.
///
/// # Errors
/// What the user cannot mend.
fn faults(texts: &Texts, form: &Form, error: ServiceError) -> Result<FormView, PageError> {
    let message = match error.code() {
        ErrorCode::InvalidInput | ErrorCode::Unauthenticated => texts.auth.wrong_credentials.to_owned(),
        ErrorCode::Throttled => throttled(texts, &error),
        _ => return Err(error.into()),
    };
    Ok(FormView::with_error(form, "email", message))
}

/// Keeps the session of a reply in the browser. The one that the browser had ends.
pub(crate) async fn replace_session(
    board: &Board,
    calls: Calls,
    former: Option<BrowserSecret>,
    session: SessionReply,
    response: &mut Response,
) {
    if let Some(former) = former {
        // It does not matter whether it had ended already.
        let _ = end_session(board, calls, &former).await;
        board.sessions().forget_ended(&former).await;
    }
    let secret = SecretString::from(session.browser_secret);
    response.headers_mut().append(header::SET_COOKIE, cookie::keep_session(board, &secret));
}

fn shown_to(session: &SessionReply) -> Option<&str> {
    session.user.as_ref().map(|user| user.id.as_str())
}

/// Shows a form again that was typed before the session ended, in the new session. It is not sent.
async fn show_again(
    board: &Board,
    parts: &Parts,
    path: &NextPath,
    form: Form,
    session: &SessionReply,
) -> Response {
    let mut request = Request::post(path.as_str()).body(Body::empty()).unwrap_or_default();
    *request.extensions_mut() = parts.extensions.clone();
    request.extensions_mut().insert(SharedForm::carried(form.with(SHOW, "1")));
    *request.headers_mut() = parts.headers.clone();
    let secret = SecretString::from(session.browser_secret.as_str());
    request.headers_mut().insert(header::COOKIE, cookie::keep_session(board, &secret));
    request.headers_mut().append(header::COOKIE, cookie::show_banner(board, Banner::ShownAgain.name()));
    super::routes().with_state(board.clone()).oneshot(request).await.into_response()
}

async fn sign_out(visitor: Visitor) -> Result<Response, PageError> {
    let Visitor { board, calls, page: _, secret } = visitor;
    if let Some(secret) = secret {
        let ended = end_session(&board, calls, &secret).await;
        board.sessions().forget_ended(&secret).await;
        // A session that has ended already is as good.
        match ended {
            Err(error) if error.code() != ErrorCode::Unauthenticated => return Err(error.into()),
            Err(_) | Ok(()) => {}
        }
    }
    let mut response = redirect_with_banner(&board, PATH, Banner::SignedOut);
    response.headers_mut().append(header::SET_COOKIE, cookie::forget_session(&board));
    Ok(response)
}

async fn end_session(board: &Board, calls: Calls, secret: &BrowserSecret) -> Result<(), ServiceError> {
    let session = board.sessions().exchange(secret, &calls).await?;
    let calls = calls.authorized(session.authorization.clone());
    let message = LogoutRequest { refresh_token: String::new() };
    auth_reply(board.clients().auth().logout(calls.request(message)).await).map(drop)
}

impl SignInPage {
    /// The page for a form whose session has ended. It carries what was typed.
    pub(crate) fn carrying(page: Page, path: NextPath, form: &Form) -> Self {
        Self { page, form: FormView::empty(), has_ended: true, next: path, carried: owned(form) }
    }

    /// Whether the session has ended while something was typed.
    fn has_carried(&self) -> bool {
        !self.carried.is_empty()
    }
}
