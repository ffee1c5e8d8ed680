//! Reading one event.

use eventboard_chassis::{error::ServiceError, token::Identity};
use eventboard_db::{Named, db_error};
use uuid::Uuid;

use super::{Store, visible_event};
use crate::event::Event;

impl Store {
    /// The event, if the caller may see it.
    pub(crate) async fn find(&self, caller: &Identity, id: Uuid) -> Result<Option<Event>, ServiceError> {
        let mut connection = self.database.acquire().await?;
        let row = visible_event!("", id, caller)
            .fetch_optional(&mut *connection)
            .named("SELECT Event")
            .await
            .map_err(db_error)?;
        connection.release();
        row.map(Event::try_from).transpose()
    }
}
