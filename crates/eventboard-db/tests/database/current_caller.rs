//! Tests of the SQL function that checks a caller in every write.

use eventboard_testing::TestDatabase;

/// Enough for PostgreSQL to prefer the best index.
const SESSIONS: &str = r#"
    insert into "Organization" (id, name, slug) values ('00000000-0000-0000-0000-000000000000', 'Acme', 'acme');
    insert into "User" (id, "organizationId", email, "firstName", "lastName", role, "passwordHash")
    select gen_random_uuid(), id, number || '@example.org', 'F', 'L', 'USER', '$argon2id$'
    from "Organization", generate_series(1, 100) number;
    insert into "Session" (id, "userId", seed, "keyName", "expiresAt", address)
    select gen_random_uuid(), "User".id, decode(repeat('00', 32), 'hex'), decode(repeat('00', 8), 'hex'), now() + interval '1 day', ''
    from "User", generate_series(1, 20);
    analyze
"#;

#[tokio::test]
async fn the_check_of_a_caller_is_a_look_up_of_the_users_id() {
    let database = TestDatabase::create().await;
    let mut connection = database.connect().await;
    sqlx::raw_sql(SESSIONS).execute(&mut connection).await.unwrap();
    sqlx::raw_sql("set enable_seqscan = off; set plan_cache_mode = force_generic_plan")
        .execute(&mut connection)
        .await
        .unwrap();
    let prepare = r#"prepare caller(uuid, uuid, "Role", uuid, timestamptz) as
        select * from current_caller($1, $2, $3, $4, $5)"#;
    sqlx::raw_sql(prepare).execute(&mut connection).await.unwrap();
    let explain =
        "explain execute caller(gen_random_uuid(), gen_random_uuid(), 'USER', gen_random_uuid(), null)";
    let plan: Vec<String> = sqlx::query_scalar(explain).fetch_all(&mut connection).await.unwrap();
    let plan = plan.join("\n");
    assert!(!plan.contains("Function Scan"), "the function is not inlined:\n{plan}");
    for index in [r#"user_id_organization_key on "User""#, r#"session_pkey on "Session""#] {
        assert!(plan.contains(index), "no {index}:\n{plan}");
    }
    assert!(plan.contains("Index Cond: (id = $1)") && plan.contains("Index Cond: (id = $4)"), "{plan}");
}
