//! Which mails the viewer gets. Mails lead to the path of this form.

use axum::{Router, response::Response, routing::get};
use eventboard_domain::DecisionMails;
use eventboard_proto::auth::{self as proto, SetNotificationsRequest};

use super::{Part, done, show_again, to_account};
use crate::{
    Board,
    banner::Banner,
    calls::auth_reply,
    error::PageError,
    form::{Form, FormBody},
    page::SignedIn,
};

/// The box for mails about decisions.
const DECISIONS: &str = "decisions";

pub(super) fn routes() -> Router<Board> {
    Router::new().route("/board/account/notifications", get(to_account).post(save))
}

/// What the form shows before anything is changed.
pub(super) fn stored(decisions: DecisionMails) -> Form {
    match decisions {
        DecisionMails::Immediate => Form::filled([(DECISIONS, "on".to_owned())]),
        DecisionMails::Off => Form::default(),
    }
}

async fn save(signed_in: SignedIn, FormBody(form): FormBody) -> Result<Response, PageError> {
    if form.is_to_be_shown() {
        return show_again(signed_in, Part::Notifications, &form).await;
    }
    let decisions = match form.has(DECISIONS) {
        true => proto::DecisionMails::Immediate,
        false => proto::DecisionMails::Off,
    };
    let request = signed_in.calls.request(SetNotificationsRequest { decisions: decisions.into() });
    auth_reply(signed_in.board.clients().auth().set_notifications(request).await)?;
    Ok(done(&signed_in, Banner::NotificationsSaved).await)
}
