//! The name and the time zone.

use axum::{Router, response::Response, routing::get};
use eventboard_proto::auth::{TextChange, UpdateMeRequest, User};

use super::{Part, done, show_again, show_faults, to_account};
use crate::{
    Board,
    banner::Banner,
    calls::auth_reply,
    error::PageError,
    form::{Form, FormBody},
    page::SignedIn,
};

pub(super) fn routes() -> Router<Board> {
    Router::new().route("/board/account/profile", get(to_account).post(save))
}

/// What the form shows before anything is typed.
pub(super) fn stored(user: &User) -> Form {
    let zone = user.time_zone.clone().unwrap_or_default();
    Form::filled([
        ("firstName", user.first_name.clone()),
        ("lastName", user.last_name.clone()),
        ("timeZone", zone),
    ])
}

async fn save(signed_in: SignedIn, FormBody(form): FormBody) -> Result<Response, PageError> {
    if form.is_to_be_shown() {
        return show_again(signed_in, Part::Profile, &form).await;
    }
    let request = signed_in.calls.request(message(&form));
    match auth_reply(signed_in.board.clients().auth().update_me(request).await) {
        Ok(_) => Ok(done(&signed_in, Banner::ProfileSaved).await),
        Err(error) => show_faults(signed_in, Part::Profile, &form, error).await,
    }
}

/// Sets values, so that it does the same when it is repeated. The language stays as it is.
fn message(form: &Form) -> UpdateMeRequest {
    UpdateMeRequest {
        first_name: Some(form.text("firstName")),
        last_name: Some(form.text("lastName")),
        language: None,
        time_zone: Some(TextChange { value: form.optional_text("timeZone") }),
        idempotency: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_zone_it_is_that_of_the_organization() {
        let zone = |form: &[u8]| message(&Form::parse(form)).time_zone.expect("a change").value;
        assert_eq!(zone(b"timeZone="), None);
        assert_eq!(zone(b"timeZone=Europe%2FBerlin"), Some("Europe/Berlin".to_owned()));
    }
}
