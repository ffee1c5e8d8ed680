//! The audit of an organization.

use eventboard_chassis::error::ServiceError;
use eventboard_domain::Identity;

use super::AuthUseCases;
use crate::audit::{AuditPage, AuditQuery};

impl AuthUseCases {
    /// Lists what the audit of the caller's organization has recorded.
    ///
    /// # Errors
    /// `Unauthenticated` when the user was deleted or disabled, or now has another role or organization. `Forbidden` when
    /// the caller is not an ADMIN.
    pub(crate) async fn audit(
        &self,
        caller: &Identity,
        query: &AuditQuery,
    ) -> Result<AuditPage, ServiceError> {
        self.me(caller).await?;
        caller.require_admin()?;
        self.store.list_audit(caller.organization_id, query).await
    }
}
