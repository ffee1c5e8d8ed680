//! Tests of the SQL function that checks a caller in every write.

use eventboard_testing::TestDatabase;

#[tokio::test]
async fn the_check_of_a_caller_is_a_look_up_of_the_users_id() {
    let database = TestDatabase::create().await;
    let mut connection = database.connect().await;
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
