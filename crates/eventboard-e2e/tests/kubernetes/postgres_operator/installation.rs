//! EventBoard in production mode, at first with PostgreSQL in one pod.

use std::cell::Cell;

use eventboard_e2e::{Actor, Anonymous};

use super::{operator::Postgres, page::Page};
use crate::cluster::{Cluster, HOST, SERVICES};

/// EventBoard in production mode.
pub(crate) struct Installation<'c> {
    pub(crate) cluster: &'c Cluster,
    pub(crate) page: Page<'c>,
    /// The name of the PostgreSQL that the services use.
    database: Cell<&'static str>,
}

/// A user and an event of this user.
pub(crate) struct Witness {
    actor: Actor,
    event: String,
}

/// The steps of docs/runbook/kubernetes-install.md, and the credentials for the object store.
const INSTALL: &str = "
kubectl delete namespace eventboard eventboard-database --ignore-not-found
printf 'ACCESS_KEY_ID=test\\nACCESS_SECRET_KEY=test-secret\\n' > object-store.env
mkdir deploy/kustomize/site
cd deploy/kustomize/site
cat > kustomization.yaml <<END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: eventboard
resources: [../production]
generatorOptions: {disableNameSuffixHash: true}
secretGenerator:
  - {name: eventboard, envs: [eventboard.env]}
  - {name: eventboard-database, envs: [eventboard-database.env]}
  - {name: eventboard-database-admin, envs: [eventboard-database-admin.env]}
END
printf 'APP_ENV=production\\nJWT_SECRET=%s\\nRATE_LIMIT_ENABLED=false\\nPASSWORD_MIN_STRENGTH=0\\n' \"$(openssl rand -base64 48)\" > eventboard.env
PASSWORD=$(openssl rand -hex 32)
cat > eventboard-database-admin.env <<END
APP_ENV=production
POSTGRES_PASSWORD=$PASSWORD
MIGRATE_DATABASE_URL=postgres://eventboard@postgres:5432/eventboard_db
MIGRATE_DATABASE_PASSWORD=$PASSWORD
END
cat > eventboard-database.env <<END
APP_ENV=production
DATABASE_URL=postgres://eventboard_app@postgres:5432/eventboard_db
DATABASE_PASSWORD=$(openssl rand -hex 32)
END
kubectl apply -k .
";

impl<'c> Installation<'c> {
    pub(crate) fn new(cluster: &'c Cluster) -> Self {
        Self { cluster, page: Page::read(cluster), database: Cell::new("eventboard") }
    }

    /// The PostgreSQL that the services use.
    pub(crate) fn postgres(&self) -> Postgres<'c> {
        Postgres::new(self.cluster, self.database.get())
    }

    /// The services use another PostgreSQL from now on.
    pub(crate) fn set_database(&self, name: &'static str) {
        self.database.set(name);
    }

    pub(crate) async fn install(&self) {
        self.cluster.sh(INSTALL).await;
        for service in SERVICES {
            self.cluster.kubectl(&format!("rollout status deployment/{service} --timeout=5m")).await;
        }
        self.cluster.wait_until_healthy().await;
    }

    /// Signs up a user, who creates an event.
    pub(crate) async fn sign_up_with_an_event(&self) -> Witness {
        let actor = Anonymous::behind_proxy(self.cluster.ingress, HOST).sign_up_admin().await;
        let event = actor.create_event("An event").await;
        Witness { actor, event }
    }

    /// Asserts that the user is still signed in and sees the event.
    pub(crate) async fn assert_has_event(&self, witness: &Witness) {
        witness.actor.get(&format!("/events/{}", witness.event)).await.expect(200);
    }

    /// Asserts that the user does not exist.
    pub(crate) async fn assert_is_unknown(&self, witness: &Witness) {
        witness.actor.get("/auth/me").await.expect(401);
    }
}
