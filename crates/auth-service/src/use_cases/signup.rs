//! Signup.

use std::net::IpAddr;

use eventboard_chassis::{
    error::ServiceError,
    fairness::Client,
    link_token::PresentedLink,
    server::{Deadline, Origin},
};
use eventboard_domain::{Membership, Violations, normalize_email, rules::REQUIRED};

use super::{AuthUseCases, password_check::weak_password};
use crate::{
    organization::InvitationContent,
    password::{WeakPassword, guesses},
    session::{NewSession, SignedIn},
    store::invalid_link,
    user::{NewUser, OrganizationChoice, Signup},
};

impl AuthUseCases {
    /// Creates a user and opens a session. The work counts in the share of the block of addresses.
    ///
    /// # Errors
    /// When the organization does not allow open signup or is full, or the e-mail address or the organization's name
    /// is taken; when the invitation does not work; when the password is too easy to guess.
    pub(crate) async fn signup(
        &self,
        signup: Signup,
        block: IpAddr,
        origin: &Origin,
        deadline: Deadline,
    ) -> Result<SignedIn, ServiceError> {
        let client = Client::Address(block);
        let secret = signup.kind.new_secret();
        let new_user = self.new_user(signup, client).await?;
        // A signup that must fail is rejected before its password is hashed. Two concurrent signups can both pass
        // this check, so database constraints decide which one succeeds. Only the limit of members can be exceeded, by
        // as many signups as are in flight.
        let preconditions = self.store.signup_preconditions(&new_user, self.quotas.members, client).await?;
        new_user.membership.check(&preconditions, &self.quotas)?;
        let NewUser { email, password, first_name, last_name, membership: _ } = &new_user;
        let guesses = guesses(email, first_name, last_name);
        let password_hash = self.passwords.hash_chosen(password, guesses, client).await?;
        let password_hash = password_hash.map_err(|WeakPassword| weak_password("password"))?;
        let new_session = NewSession { rules: &self.session_rules, browser_secret: secret.as_ref() };
        let address = self.throttle.key(&normalize_email(&new_user.email), block);
        let (user, session) =
            self.store.create_user(new_user, &password_hash, new_session, address, origin, deadline).await?;
        tracing::info!(user_id = %user.id, organization_id = %user.organization_id, role = %user.role, "Signed up");
        self.session_metrics.opened.increment(1);
        self.signed_in(user, &session, secret.as_ref())
    }

    /// Finds the invitation, if there is one. It decides the organization, the role and the address.
    async fn new_user(&self, signup: Signup, client: Client) -> Result<NewUser, ServiceError> {
        let Signup { email, password, first_name, last_name, organization, kind: _ } = signup;
        let (email, membership) = match organization {
            OrganizationChoice::Membership(membership) => {
                (email.ok_or_else(|| Violations::one("email", REQUIRED))?, membership)
            }
            OrganizationChoice::Invitation(token) => {
                let link = PresentedLink::parse(&token).ok_or_else(invalid_link)?;
                let found = self.store.find_invitation(&link, &self.link_verifier, client).await?;
                let InvitationContent { organization, email: invited, role } = found;
                if email.is_some_and(|email| normalize_email(&email) != normalize_email(&invited)) {
                    return Err(Violations::one("email", "must be the address that was invited").into());
                }
                let organization_id = organization.id;
                (invited, Membership::Invitation { id: link.link_id, organization_id, role })
            }
        };
        Ok(NewUser { email, password, first_name, last_name, membership })
    }
}
