//! `GET /events`.

use serde_json::{Value, json};

use crate::support::{
    Actor, Response, Stack, event_body,
    shapes::{EVENT, META, keys},
};

async fn admin(stack: &Stack) -> Actor {
    stack.anonymous().sign_up_admin().await
}

async fn create(actor: &Actor, fields: Value) -> String {
    let mut body = event_body("Some title");
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    actor.post("/events", &body).await.expect(201).id()
}

/// Creates an event for each title, one per day from July 1.
async fn create_daily(actor: &Actor, titles: &[&str]) {
    for (day, title) in titles.iter().enumerate() {
        let start = format!("2026-07-{:02}T09:00:00.000Z", day + 1);
        create(actor, json!({ "title": title, "startDate": start, "endDate": "2026-12-31T00:00:00Z" })).await;
    }
}

fn titles(response: &Response) -> Vec<&str> {
    let data = response.body["data"].as_array().unwrap_or_else(|| panic!("{}", response.text));
    data.iter().map(|event| event["title"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_empty_list_has_the_same_members_as_a_full_one() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let empty = admin.get("/events").await.expect(200).body;
    assert_eq!(keys(&empty), ["data", "meta"]);
    let meta = json!({
        "page": 1, "limit": 10, "total": 0, "totalPages": 0, "hasPrevious": false, "hasNext": false,
        "totalIsExact": true, "nextCursor": null,
    });
    assert_eq!((&empty["data"], &empty["meta"]), (&json!([]), &meta));

    let id = admin.create_event("The only one").await;
    let one = admin.get("/events").await.expect(200).body;
    assert_eq!((keys(&one["data"][0]), keys(&one["meta"])), (EVENT.to_vec(), META.to_vec()));
    assert_eq!(one["data"][0], admin.get(&format!("/events/{id}")).await.body);
    assert_eq!((&one["meta"]["total"], &one["meta"]["totalPages"]), (&1.into(), &1.into()));
}

#[tokio::test]
async fn pages_are_sorted_by_start_date() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    create_daily(&admin, &["one", "two", "three", "four", "five"]).await;
    let page = async |number: u32| admin.get(&format!("/events?limit=2&page={number}")).await.expect(200);
    let (first, second, third, fourth) = (page(1).await, page(2).await, page(3).await, page(4).await);

    assert_eq!(
        [titles(&first), titles(&second), titles(&third)].concat(),
        ["one", "two", "three", "four", "five"]
    );
    assert!(titles(&fourth).is_empty());
    let flags = |response: &Response| {
        let meta = &response.body["meta"];
        (meta["hasPrevious"] == true, meta["hasNext"] == true, meta["nextCursor"].is_string())
    };
    assert_eq!(flags(&first), (false, true, true));
    assert_eq!(flags(&second), (true, true, true));
    assert_eq!(flags(&third), (true, false, false));
    for response in [&first, &third, &fourth] {
        assert_eq!(
            (&response.body["meta"]["total"], &response.body["meta"]["totalPages"]),
            (&5.into(), &3.into())
        );
    }
}

#[tokio::test]
async fn cursors_traverse_the_whole_list_in_order() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    create_daily(&admin, &["cherry", "Apple", "banana", "apple", "Date", "BANANA", "elder"]).await;
    let query = "/events?sortBy=title&sortOrder=desc&limit=2";
    let mut response = admin.get(query).await.expect(200);
    let mut traversed: Vec<String> = titles(&response).iter().map(ToString::to_string).collect();
    while let Some(cursor) = response.body["meta"]["nextCursor"].as_str() {
        response = admin.get(&format!("{query}&cursor={cursor}")).await.expect(200);
        assert_eq!(response.body["meta"]["page"], Value::Null);
        traversed.extend(titles(&response).iter().map(ToString::to_string));
    }
    assert_eq!(response.body["meta"]["hasNext"], false);
    let lower_case: Vec<_> = traversed.iter().map(|title| title.to_lowercase()).collect();
    assert_eq!(lower_case, ["elder", "date", "cherry", "banana", "banana", "apple", "apple"]);
    assert!(traversed.contains(&"BANANA".to_owned()) && traversed.contains(&"banana".to_owned()));
}

#[tokio::test]
async fn a_cursor_of_another_list_or_a_forged_cursor_is_rejected() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    create_daily(&admin, &["one", "two", "three"]).await;
    let response = admin.get("/events?limit=1").await;
    let cursor = response.body["meta"]["nextCursor"].as_str().unwrap();
    let (middle, replacement) =
        (cursor.len() / 2, if cursor.as_bytes()[cursor.len() / 2] == b'A' { "B" } else { "A" });
    let forged = format!("{}{replacement}{}", &cursor[..middle], &cursor[middle + 1..]);
    admin.get(&format!("/events?limit=2&cursor={cursor}")).await.expect(200);
    for query in [
        format!("sortOrder=desc&cursor={cursor}"),
        format!("sortBy=title&cursor={cursor}"),
        format!("search=one&cursor={cursor}"),
        format!("status=DRAFT&cursor={cursor}"),
        format!("startDateFrom=2026-01-01T00:00:00Z&cursor={cursor}"),
        format!("page=1&cursor={cursor}"),
        format!("cursor={forged}"),
        "cursor=garbage".to_owned(),
        "cursor=".to_owned(),
    ] {
        assert_eq!(admin.get(&format!("/events?{query}")).await.invalid_fields(), ["cursor"], "{query}");
    }
}

#[tokio::test]
async fn a_search_is_literal_and_case_insensitive() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    create_daily(&admin, &["100% sure", "under_score", "back\\slash", "École d'été", "plain"]).await;
    create(&admin, json!({ "title": "By description", "description": "Speaks of the ÉCOLE, too" })).await;
    for (text, found) in [
        ("%25", &["100% sure"][..]),
        ("_", &["under_score"]),
        ("%5C", &["back\\slash"]),
        ("%C3%A9COLE", &["By description", "École d'été"]),
        ("100%25%20SURE", &["100% sure"]),
        ("d%27%C3%A9t", &["École d'été"]),
        ("1__%25", &[]),
        ("%20%20plain%20", &["plain"]),
    ] {
        let response = admin.get(&format!("/events?search={text}")).await.expect(200);
        assert_eq!(titles(&response), found, "{text}");
    }
    assert_eq!(admin.get("/events?search=%20").await.body["meta"]["total"], 6, "a blank search is ignored");
    assert_eq!(admin.get("/events?search=a%00b").await.invalid_fields(), ["search"]);
    let long = |length| format!("/events?search={}", "%C3%9F".repeat(length));
    admin.get(&long(200)).await.expect(200);
    assert_eq!(admin.get(&long(201)).await.invalid_fields(), ["search"]);
}

#[tokio::test]
async fn both_bounds_of_a_date_range_are_inclusive() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    create_daily(&admin, &["one", "two", "three", "four"]).await;
    let range = "/events?startDateFrom=2026-07-02T09:00:00Z&startDateTo=2026-07-03T11:00:00%2B02:00";
    assert_eq!(titles(&admin.get(range).await), ["two", "three"]);
}

#[tokio::test]
async fn events_are_filtered_by_status_and_sorted_in_workflow_order() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let decide = async |title: &str, operation: &str, body: Value| {
        let id = admin.create_submitted_event(title).await;
        admin.post(&format!("/events/{id}/{operation}"), &body).await.expect(200);
    };
    decide("rejected", "reject", json!({ "reason": "Not good enough" })).await;
    let approved = admin.create_submitted_event("approved").await;
    admin.post_without_body(&format!("/events/{approved}/approve")).await.expect(200);
    admin.create_submitted_event("submitted").await;
    admin.create_event("draft").await;
    let by_status = admin.get("/events?sortBy=status").await;
    assert_eq!(titles(&by_status), ["draft", "submitted", "approved", "rejected"]);
    let newest_first = admin.get("/events?sortBy=createdAt&sortOrder=desc").await;
    assert_eq!(titles(&newest_first), ["draft", "submitted", "approved", "rejected"]);
    assert_eq!(titles(&admin.get("/events?status=REJECTED").await), ["rejected"]);
}

#[tokio::test]
async fn a_user_lists_only_own_and_approved_events_of_the_organization() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let (owner, other) =
        (admin.add_colleague(&stack, "USER").await, admin.add_colleague(&stack, "USER").await);
    owner.create_event("a draft").await;
    let id = owner.create_submitted_event("approved").await;
    admin.post_without_body(&format!("/events/{id}/approve")).await.expect(200);
    let listed = async |actor: &Actor| {
        let response = actor.get("/events?sortBy=title").await;
        (titles(&response).join(", "), response.body["meta"]["total"].as_u64().unwrap())
    };
    assert_eq!(listed(&owner).await, ("a draft, approved".to_owned(), 2));
    assert_eq!(listed(&admin).await, ("a draft, approved".to_owned(), 2));
    assert_eq!(listed(&other).await, ("approved".to_owned(), 1));
    assert_eq!(listed(&stack.anonymous().sign_up_admin().await).await, (String::new(), 0));
}

#[tokio::test]
async fn rows_beyond_100_000_require_a_cursor() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    admin.get("/events?page=1000&limit=100").await.expect(200);
    admin.get("/events?page=100000&limit=1").await.expect(200);
    for query in ["page=1001&limit=100", "page=10001", "page=100001&limit=1", "page=18446744073709551615"] {
        let response = admin.get(&format!("/events?{query}")).await;
        assert_eq!(response.invalid_fields(), ["page"], "{query}");
        assert!(
            response.body["errors"][0]["message"].as_str().unwrap().contains("cursor"),
            "{}",
            response.text
        );
    }
}

#[tokio::test]
async fn all_violations_in_a_query_are_reported_together() {
    let stack = Stack::start().await;
    let admin = admin(&stack).await;
    let query =
        "page=0&limit=101&sortBy=id&sortOrder=up&status=draft&startDateFrom=2026&startDateTo=x&offset=5";
    let expected =
        ["limit", "offset", "page", "sortBy", "sortOrder", "startDateFrom", "startDateTo", "status"];
    assert_eq!(admin.get(&format!("/events?{query}")).await.invalid_fields(), expected);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=1e1", "limit"),
        ("limit=", "limit"),
        ("page=", "page"),
        ("page=1.5", "page"),
        ("page=99999999999999999999999999", "page"),
        ("page=1&page=2", "page"),
        ("Page=1", "Page"),
    ] {
        assert_eq!(admin.get(&format!("/events?{query}")).await.invalid_fields(), [field], "{query}");
    }
}
