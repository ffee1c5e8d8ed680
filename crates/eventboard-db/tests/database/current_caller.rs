//! Tests of the SQL function that checks a caller in every write.

use eventboard_testing::TestDatabase;

#[tokio::test]
async fn the_check_of_a_caller_is_a_look_up_of_the_users_id() {
    let database = TestDatabase::create().await;
    let explain = r#"explain select * from current_caller(
        '20000000-0000-7000-8000-000000000001', '10000000-0000-7000-8000-000000000001', 'USER')"#;
    let mut connection = database.connect().await;
    sqlx::raw_sql("set enable_seqscan = off").execute(&mut connection).await.unwrap();
    let plan: Vec<String> = sqlx::query_scalar(explain).fetch_all(&mut connection).await.unwrap();
    let plan = plan.join("\n");
    assert!(!plan.contains("Function Scan"), "the function is not inlined:\n{plan}");
    assert!(plan.contains("Index Scan") && plan.contains("Index Cond: (id = "), "{plan}");
}
