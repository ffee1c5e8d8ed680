//! How the owners of events are called.

use eventboard_chassis::error::ServiceError;
use eventboard_db::{InstrumentStatement, db_error};
use eventboard_domain::{Identity, Visibility};
use uuid::Uuid;

use super::Store;
use crate::person::Person;

impl Store {
    /// Finds those of the people whose events the caller sees, or who are in the audit that the caller sees. The condition repeats the rule of the domain type `Visibility`.
    pub(crate) async fn people(&self, caller: &Identity, ids: &[Uuid]) -> Result<Vec<Person>, ServiceError> {
        let sees_everything = match Visibility::of(caller) {
            Visibility::Everything => true,
            Visibility::OwnAndApproved(_) => false,
        };
        let mut lease = self.acquire(caller.organization_id).await?;
        let people = sqlx::query_as!(
            Person,
            r#"
            select requested.id as "id!", member."firstName" || ' ' || member."lastName" as display_name
            from unnest($1::uuid[]) with ordinality requested (id, position)
            left join "User" member on member.id = requested.id and member."organizationId" = $2
            where requested.id = $3 or $4 and member.id is not null or exists (
                select from "Event"
                where "createdById" = requested.id and "organizationId" = $2 and ($4 or status = 'APPROVED')
            ) or $4 and exists (
                select from "AuditEntry" where "organizationId" = $2 and "actorId" = requested.id
            )
            order by position
            "#,
            ids,
            caller.organization_id,
            caller.user_id,
            sees_everything,
        )
        .fetch_all(&mut *lease)
        .instrumented("SELECT people")
        .await
        .map_err(db_error)?;
        lease.release();
        Ok(people)
    }
}
