//! Tests of the roles of an installation whose services cannot change the schema.

use std::{collections::BTreeSet, time::Duration};

use eventboard_chassis::{
    config::{Env, read},
    error::ErrorCode,
    fairness::Client,
};
use eventboard_db::{Database, DatabaseConfig};
use eventboard_testing::{Cluster, dedicated_cluster};
use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions};

use crate::migrate;

/// Every character that has a meaning in a URL, a shell, SQL, a `.env` file or a compose file.
const PASSWORD: &str = r#"a/b#c?d%20e@f$g${h}$(i)'j"k\l m:n&o=p;q|r<s>t*u!v`w^x~y[z]%L,ä"#;

/// A server with an empty database.
struct Server {
    cluster: Cluster,
    /// The role with which the operator migrates, and its password.
    admin: (String, String),
}

impl Server {
    /// The operator is a superuser.
    async fn start() -> Self {
        let (cluster, _) = dedicated_cluster().await;
        let superuser = PgConnection::connect(&cluster.url("postgres")).await.unwrap();
        let statements = "drop database eventboard_template; drop role eventboard_app, eventboard_owner;
            create role operator superuser login password 'operator'";
        run(superuser, statements).await;
        let server = Self { cluster, admin: ("operator".into(), "operator".into()) };
        server.cluster.create_database("db").await.unwrap();
        server
    }

    /// The operator may only create roles, and owns the database, as on a managed PostgreSQL.
    async fn managed() -> Self {
        let server = Self::start().await;
        let statements = "drop role operator; create role operator createrole login password 'operator';
            alter database db owner to operator";
        run(server.superuser().await, statements).await;
        server
    }

    fn config(&self, variables: &[(&str, &str)]) -> DatabaseConfig {
        let port = self.cluster.port();
        let (name, password) = &self.admin;
        let mut env: Env = [
            ("DATABASE_URL".to_owned(), format!("postgres://eventboard_app@127.0.0.1:{port}/db")),
            ("DATABASE_PASSWORD".to_owned(), PASSWORD.to_owned()),
            ("MIGRATE_DATABASE_URL".to_owned(), format!("postgres://{name}@127.0.0.1:{port}/db")),
            ("MIGRATE_DATABASE_PASSWORD".to_owned(), password.clone()),
        ]
        .into_iter()
        .chain(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
        .collect();
        let config = DatabaseConfig::from_env(&mut env, "tests");
        env.finish().unwrap();
        config
    }

    /// The settings of a service, which does not know the operator's password.
    fn service(&self) -> DatabaseConfig {
        self.config(&[("MIGRATE_DATABASE_URL", ""), ("MIGRATE_DATABASE_PASSWORD", "")])
    }

    async fn migrate(&self) {
        migrate(&self.config(&[])).await.unwrap();
    }

    async fn superuser(&self) -> PgConnection {
        PgConnection::connect(&self.cluster.url("db")).await.unwrap()
    }

    async fn app(&self) -> PgConnection {
        self.app_with(PASSWORD).await.unwrap()
    }

    async fn app_with(&self, password: &str) -> sqlx::Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.cluster.port())
            .username("eventboard_app")
            .password(password)
            .database("db");
        PgConnection::connect_with(&options).await
    }

    /// The migration of a release without roles.
    async fn migrate_as(&self, role: &str) {
        let url = format!("postgres://{role}:{role}@127.0.0.1:{}/db", self.cluster.port());
        let all =
            [("MIGRATE_DATABASE_URL", ""), ("MIGRATE_DATABASE_PASSWORD", ""), ("DATABASE_PASSWORD", "")];
        let variables = [&all[..], &[("DATABASE_URL", url.as_str())]].concat();
        migrate(&self.config(&variables)).await.unwrap();
    }

    /// Asserts that the roles are as documented, whatever the database was before.
    async fn assert_set_up(&self) {
        let mut superuser = self.superuser().await;
        assert_eq!(privileges(&mut superuser).await, expected_privileges());
        assert_eq!(other_owners(&mut superuser).await, Vec::<String>::new());
        let attributes =
            "select rolname::text || ' ' || rolcanlogin from pg_roles where rolname like 'eventboard%'
            and not (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls) order by 1";
        let roles: Vec<String> = sqlx::query_scalar(attributes).fetch_all(&mut superuser).await.unwrap();
        assert_eq!(roles, ["eventboard_app true", "eventboard_owner false"]);
        let memberships = "select count(*) from pg_auth_members where member = 'eventboard_app'::regrole";
        assert_eq!(number(&mut superuser, memberships).await, 0);
        assert_refusals(&mut self.app().await).await;
        let database = Database::open(self.service());
        database.prepare().await.unwrap();
        database.acquire(Client::Service).await.unwrap();
    }
}

async fn run(mut connection: PgConnection, statements: &str) {
    for statement in statements.split(';') {
        let statement = AssertSqlSafe(statement.to_owned());
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    }
}

async fn number(connection: &mut PgConnection, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(connection).await.unwrap()
}

/// Every privilege that a role other than the owner has on a table, a column or a sequence.
async fn privileges(superuser: &mut PgConnection) -> BTreeSet<String> {
    let privileges = r#"
        select coalesce(nullif(grantee, 0)::regrole::text, 'public') || ': ' || privilege_type || ' ' || object
        from (
            select relname::text as object, (aclexplode(relacl)).*, relowner as owner from pg_class
            where relnamespace = 'public'::regnamespace
            union all
            select relname || '.' || attname, (aclexplode(attacl)).*, relowner
            from pg_attribute join pg_class on pg_class.oid = attrelid where relnamespace = 'public'::regnamespace
        ) granted
        where grantee <> owner
        "#;
    sqlx::query_scalar(privileges).fetch_all(superuser).await.unwrap().into_iter().collect()
}

/// A new table needs a decision: add it here and to `roles::PRIVILEGES`.
fn expected_privileges() -> BTreeSet<String> {
    let read_and_write = ["SELECT", "INSERT", "UPDATE", "DELETE"];
    let tables: [(&str, &[&str]); 15] = [
        ("Organization", &read_and_write),
        ("User", &read_and_write),
        ("Event", &read_and_write),
        ("IdempotencyKey", &read_and_write),
        ("Outbox", &read_and_write),
        ("Session", &read_and_write),
        ("AccountThrottle", &read_and_write),
        ("AddressThrottle", &read_and_write),
        ("KnownAddress", &read_and_write),
        ("AccountLink", &read_and_write),
        ("Invitation", &read_and_write),
        ("RequestedMail", &read_and_write),
        ("EventHistory", &["SELECT", "INSERT"]),
        ("AuditEntry", &["SELECT", "INSERT"]),
        ("_sqlx_migrations", &["SELECT"]),
    ];
    let of_table = |(table, privileges): (&str, &[&'static str])| {
        let line = |privilege: &&str| format!("eventboard_app: {privilege} {table}");
        privileges.iter().map(line).collect::<Vec<_>>()
    };
    tables.into_iter().flat_map(of_table).collect()
}

/// The objects in the schema that do not belong to the owner, except those of extensions.
async fn other_owners(superuser: &mut PgConnection) -> Vec<String> {
    let objects = "
        select relname::text from pg_class
        where relnamespace = 'public'::regnamespace and relowner <> 'eventboard_owner'::regrole
        union all
        select typname::text from pg_type
        where typnamespace = 'public'::regnamespace and typowner <> 'eventboard_owner'::regrole
            and not exists (select from pg_depend where objid = pg_type.oid and deptype = 'e')
            and not exists (select from pg_depend where objid = typelem and deptype = 'e')
        union all
        select proname::text from pg_proc
        where pronamespace = 'public'::regnamespace and proowner <> 'eventboard_owner'::regrole
            and not exists (select from pg_depend where objid = pg_proc.oid and deptype = 'e')";
    sqlx::query_scalar(objects).fetch_all(superuser).await.unwrap()
}

/// Everything that the role of the services must not do.
async fn assert_refusals(app: &mut PgConnection) {
    for statement in [
        "create table x ()",
        "create temporary table x ()",
        "create schema x",
        "create function x() returns int language sql return 1",
        "drop extension pg_trgm",
        "create role x",
        r#"alter table "Event" add column x int"#,
        r#"alter table "EventHistory" disable trigger all"#,
        r#"alter table "EventHistory" owner to eventboard_app"#,
        r#"drop table "Event""#,
        r#"drop index idx_events_search_trigrams"#,
        r#"drop function current_caller(uuid, uuid, "Role", uuid, timestamptz)"#,
        r#"create trigger x before insert on "Event" execute function event_history_is_append_only()"#,
        r#"truncate "Event" cascade"#,
        r#"truncate "EventHistory""#,
        r#"update "EventHistory" set reason = 'x'"#,
        r#"delete from "EventHistory""#,
        r#"select from "EventHistory" for update"#,
        "update _sqlx_migrations set checksum = ''",
        "delete from _sqlx_migrations",
        "insert into _sqlx_migrations values (99, '', now(), true, '', 0)",
        "set role eventboard_owner",
        "set session_replication_role = replica",
        "grant eventboard_owner to eventboard_app",
        "alter role eventboard_app superuser",
        "alter database db owner to eventboard_app",
        "copy \"User\" to '/tmp/x'",
    ] {
        let error = sqlx::raw_sql(statement).execute(&mut *app).await.err();
        let code = error.as_ref().and_then(|error| error.as_database_error()?.code());
        // insufficient_privilege
        assert_eq!(code.as_deref(), Some("42501"), "{statement}: {error:?}");
    }
}

#[tokio::test]
async fn the_services_cannot_change_the_schema_nor_the_history() {
    let server = Server::start().await;
    server.migrate().await;
    server.assert_set_up().await;
    let mut app = server.app().await;
    // Both are needed: the privileges, and the sequence of the identity column.
    sqlx::raw_sql(INSERT_HISTORY).execute(&mut app).await.unwrap();
    assert_eq!(number(&mut app, r#"select count(*) from "EventHistory""#).await, 1);
}

const INSERT_HISTORY: &str = r#"insert into "EventHistory" ("eventId", "organizationId", "actorId", action, "toStatus")
    select id, id, id, 'CREATE', 'DRAFT' from gen_random_uuid() id"#;

#[tokio::test]
async fn a_repeated_and_a_concurrent_set_up_change_nothing() {
    let server = Server::start().await;
    let config = server.config(&[]);
    futures::future::try_join_all((0..5).map(|_| migrate(&config))).await.unwrap();
    server.assert_set_up().await;
    server.migrate().await;
    server.assert_set_up().await;
}

#[tokio::test]
async fn an_operator_who_may_only_create_roles_can_set_up_the_roles() {
    let server = Server::managed().await;
    server.migrate().await;
    server.assert_set_up().await;
    server.migrate().await;
    server.assert_set_up().await;
}

/// The releases before ran as one role, which therefore owns everything.
#[tokio::test]
async fn an_existing_installation_is_moved_with_its_data() {
    for server in [Server::start().await, Server::managed().await] {
        server.migrate_as("operator").await;
        run(
            PgConnection::connect_with(server.config(&[]).direct()).await.unwrap(),
            r#"create table "OfAnOperator" (id serial, at int generated always as identity);
            create view "AlsoOfAnOperator" as select 1 as one;
            create type "Pair" as (a int, b int); create domain "Positive" as int check (value > 0);
            create procedure "Nothing"() language sql as 'select 1'"#,
        )
        .await;
        sqlx::raw_sql(INSERT_HISTORY).execute(&mut server.superuser().await).await.unwrap();
        server.migrate().await;
        server.assert_set_up().await;
        assert_eq!(number(&mut server.app().await, r#"select count(*) from "EventHistory""#).await, 1);
    }
}

#[tokio::test]
async fn tables_of_another_role_stay_with_it() {
    let server = Server::start().await;
    run(
        server.superuser().await,
        r#"create role reports; grant create on schema public to reports; set role reports;
        create table "Report" (id int)"#,
    )
    .await;
    server.migrate().await;
    assert_eq!(other_owners(&mut server.superuser().await).await, ["Report", "Report", "_Report"]);
}

#[tokio::test]
async fn what_a_superuser_changed_is_corrected() {
    let server = Server::start().await;
    server.migrate().await;
    run(
        server.superuser().await,
        r#"alter table "Event" owner to operator; revoke all on "Event" from eventboard_app;
        grant all on "EventHistory" to eventboard_app; grant update (reason) on "EventHistory" to eventboard_app;
        grant create on schema public to eventboard_app; grant create on schema public to public;
        grant create, temporary on database db to eventboard_app; grant temporary on database db to public;
        alter role eventboard_app nologin password null"#,
    )
    .await;
    server.migrate().await;
    server.assert_set_up().await;
}

#[tokio::test]
async fn the_password_of_the_services_is_that_of_the_settings() {
    let server = Server::start().await;
    server.migrate().await;
    run(server.superuser().await, "alter system set log_statement = 'all'; select pg_reload_conf()").await;
    migrate(&server.config(&[("DATABASE_PASSWORD", "replacement")])).await.unwrap();
    assert!(server.app_with(PASSWORD).await.is_err());
    server.app_with("replacement").await.unwrap();
    let log = std::fs::read_to_string(server.cluster.data_dir().join("server.log")).unwrap();
    assert!(log.contains("alter role") && !log.contains("replacement") && !log.contains(PASSWORD), "{log}");
}

#[tokio::test]
async fn a_password_in_the_url_is_percent_encoded() {
    let server = Server::start().await;
    let url = format!("postgres://eventboard_app:p%40%2F%25@127.0.0.1:{}/db", server.cluster.port());
    migrate(&server.config(&[("DATABASE_URL", &url), ("DATABASE_PASSWORD", "")])).await.unwrap();
    server.app_with("p@/%").await.unwrap();
}

#[tokio::test]
async fn behind_a_pooler_the_role_has_the_timeouts() {
    let server = Server::start().await;
    migrate(&server.config(&[("DATABASE_PGBOUNCER", "true")])).await.unwrap();
    let mut app = server.app().await;
    for (setting, value) in [("statement_timeout", "10s"), ("idle_in_transaction_session_timeout", "2s")] {
        let show = AssertSqlSafe(format!("show {setting}"));
        assert_eq!(sqlx::query_scalar::<_, String>(show).fetch_one(&mut app).await.unwrap(), value);
    }
}

#[tokio::test]
async fn a_role_that_could_undo_the_restrictions_is_refused() {
    for (statements, reason) in [
        ("create role eventboard_app superuser", "is a superuser"),
        ("create role eventboard_app createrole", "administrative"),
        ("create role eventboard_app; alter database db owner to eventboard_app", "owner of the database"),
        (
            "create role eventboard_owner; create role eventboard_app in role eventboard_owner",
            "member of another role",
        ),
        ("create role eventboard_app noinherit in role operator", "member of another role"),
        ("create role eventboard_app in role pg_write_server_files", "member of another role"),
    ] {
        let server = Server::start().await;
        run(server.superuser().await, statements).await;
        let error = format!("{:#}", migrate(&server.config(&[])).await.unwrap_err());
        assert!(
            error.contains("the role eventboard_app in DATABASE_URL") && error.contains(reason),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_owner_as_which_somebody_could_log_in_is_refused() {
    for attribute in ["login", "superuser", "createrole"] {
        let server = Server::start().await;
        let statement = format!("create role eventboard_owner {attribute}");
        run(server.superuser().await, &statement).await;
        let error = format!("{:#}", migrate(&server.config(&[])).await.unwrap_err());
        assert!(error.contains("the role eventboard_owner can log in"), "{error}");
    }
}

/// A pooler that knows the hash of the password would otherwise be locked out.
#[tokio::test]
async fn a_password_that_is_set_keeps_its_hash() {
    let server = Server::start().await;
    let hash = "select rolpassword from pg_authid where rolname = 'eventboard_app'";
    server.migrate().await;
    let mut superuser = server.superuser().await;
    let first: String = sqlx::query_scalar(hash).fetch_one(&mut superuser).await.unwrap();
    server.migrate().await;
    assert_eq!(sqlx::query_scalar::<_, String>(hash).fetch_one(&mut superuser).await.unwrap(), first);
}

#[tokio::test]
async fn a_service_that_migrates_leaves_the_roles_to_the_operator() {
    let server = Server::start().await;
    server.migrate_as("operator").await;
    run(server.superuser().await, "create role eventboard_app login superuser password 'services'").await;
    Database::open(server.config(&[("DATABASE_PASSWORD", "services")])).prepare().await.unwrap();
    let owner = "select count(*) from pg_roles where rolname = 'eventboard_owner'";
    assert_eq!(number(&mut server.superuser().await, owner).await, 0);
}

#[tokio::test]
async fn an_operator_without_createrole_migrates_with_roles_that_were_set_up_by_hand() {
    let server = Server::start().await;
    run(
        server.superuser().await,
        "create role migrator login password 'migrator'; alter database db owner to migrator;
        create role eventboard_app login",
    )
    .await;
    let port = server.cluster.port();
    let url = format!("postgres://migrator:migrator@127.0.0.1:{port}/db");
    let variables = [("MIGRATE_DATABASE_URL", url.as_str()), ("MIGRATE_DATABASE_PASSWORD", "")];
    migrate(&server.config(&variables)).await.unwrap();
    assert_eq!(privileges(&mut server.superuser().await).await, expected_privileges());
}

#[tokio::test]
async fn the_change_of_the_owner_waits_for_a_long_write_without_blocking_others() {
    let server = Server::start().await;
    server.migrate_as("operator").await;
    let mut writer = server.superuser().await;
    let mut transaction = writer.begin().await.unwrap();
    sqlx::raw_sql(INSERT_HISTORY).execute(&mut *transaction).await.unwrap();
    let config = server.config(&[]);
    let migration = tokio::spawn(async move { migrate(&config).await });
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!migration.is_finished());
    // The migration has given up its place in the queue for the lock.
    sqlx::raw_sql(INSERT_HISTORY).execute(&mut server.superuser().await).await.unwrap();
    transaction.commit().await.unwrap();
    migration.await.unwrap().unwrap();
    server.assert_set_up().await;
}

#[tokio::test]
async fn a_service_waits_until_the_schema_is_up_to_date_and_its_role_has_its_privileges() {
    let server = Server::start().await;
    server.migrate().await;
    let missing: [(&str, &str); 4] = [
        ("delete from _sqlx_migrations where version = 6", "(missing: 6)"),
        ("update _sqlx_migrations set success = false where version = 7", "(missing: 7)"),
        ("alter table _sqlx_migrations rename to hidden", "(missing: 1, 2,"),
        (r#"revoke insert on "Event" from eventboard_app"#, "may not insert in the table Event"),
    ];
    for (statement, expected) in missing {
        run(server.superuser().await, statement).await;
        let error = format!("{:#}", migrate(&server.service()).await.unwrap_err());
        assert!(error.contains(expected) && error.contains("eventboard migrate"), "{error}");
        let database = Database::open(server.service());
        let prepared = tokio::spawn({
            let database = database.clone();
            async move { database.prepare().await }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!prepared.is_finished(), "{statement}");
        assert_eq!(database.acquire(Client::Service).await.err().unwrap().code(), ErrorCode::Unavailable);
        let repair = r#"alter table if exists hidden rename to _sqlx_migrations;
            update _sqlx_migrations set success = true;
            grant insert on "Event" to eventboard_app"#;
        run(server.superuser().await, repair).await;
        server.migrate().await;
        prepared.await.unwrap().unwrap();
        database.acquire(Client::Service).await.unwrap();
    }
}

#[tokio::test]
async fn a_service_whose_role_owns_the_database_migrates_itself() {
    let server = Server::start().await;
    run(
        server.superuser().await,
        "create role alone login password 'alone'; alter database db owner to alone",
    )
    .await;
    server.migrate_as("alone").await;
}

/// A backup without owners and privileges, restored by a superuser.
#[tokio::test]
async fn a_schema_that_a_superuser_restored_gets_its_owner_and_privileges_back() {
    let server = Server::start().await;
    server.migrate().await;
    run(server.superuser().await, "create role restorer superuser login password 'restorer'").await;
    run(
        server.superuser().await,
        "reassign owned by eventboard_owner to restorer; drop owned by eventboard_app",
    )
    .await;
    server.migrate().await;
    server.assert_set_up().await;
}

#[test]
fn a_url_whose_password_needs_encoding_is_refused_by_its_name() {
    for url in [
        "postgres://eventboard:12/34@db:5432/x",
        "postgres://eventboard:12?34@db:5432/x",
        "postgres://eventboard:12#34@db:5432/x",
        "postgres://eventboard:a/b@db:5432/x",
        "postgres://eventboard:a#b@db:5432/x",
        "postgres://eventboard:a?b@db:5432/x",
        "postgres://eventboard:a b/@db:5432/x",
        "postgres://eventboard:p@ss?34@db:5432/x",
        "postgres://eventboard@db:5432/x?password=secret34",
        "postgres://eventboard:secret%FF@db:5432/x",
    ] {
        for variable in ["DATABASE_URL", "MIGRATE_DATABASE_URL"] {
            let env = [(variable.to_owned(), url.to_owned())].into_iter().collect();
            let error = read(env, |env| DatabaseConfig::from_env(env, "tests")).unwrap_err().to_string();
            assert!(error.contains(&format!("{variable} must be a URL")), "{url}: {error}");
            assert!(error.contains(&variable.replace("URL", "PASSWORD")), "{error}");
            assert!(!error.contains("34") && !error.contains("secret"), "{error}");
        }
    }
}

#[test]
fn a_password_without_its_url_and_a_public_password_in_production_are_refused() {
    let refused = |variables: &[(&str, &str)]| {
        let env = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        read(env, |env: &mut Env| DatabaseConfig::from_env(env, "tests")).err().map(|error| error.to_string())
    };
    let error = refused(&[("MIGRATE_DATABASE_PASSWORD", "x")]).unwrap();
    assert!(error.contains("MIGRATE_DATABASE_PASSWORD needs MIGRATE_DATABASE_URL"), "{error}");
    let roles = [
        ("DATABASE_URL", "postgres://app:eventboard-demonstration-x@db/x"),
        ("MIGRATE_DATABASE_URL", "postgres://db/x"),
    ];
    assert_eq!(refused(&roles), None);
    let error = refused(&[&roles[..], &[("APP_ENV", "production")]].concat()).unwrap();
    assert!(error.contains("DATABASE_PASSWORD must not be a password from the documentation"), "{error}");
}

#[test]
fn a_password_with_which_nobody_could_log_in_is_refused() {
    let variables = [("DATABASE_URL", "postgres://a@db/x"), ("DATABASE_PASSWORD", "se\u{1f512}cret")];
    let env = variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let error = read(env, |env| DatabaseConfig::from_env(env, "tests")).unwrap_err().to_string();
    assert!(error.contains("DATABASE_PASSWORD must have only") && !error.contains("cret"), "{error}");
}
