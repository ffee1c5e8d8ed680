//! What each metric says in a line, for whoever meets it in Prometheus; docs/metrics.md says more. A test of the whole
//! system finds every metric here.

const DESCRIPTIONS: &[(&str, &str)] = &[
    ("db_client_connection_count", "Connections of the pool, idle or used."),
    ("db_client_connection_max", "Connections that the pool may have."),
    ("db_client_connection_pending_requests", "Calls that wait for a database connection."),
    ("db_client_connection_timeouts_total", "Calls that waited for a database connection in vain."),
    ("db_client_connection_wait_time_seconds", "How long calls waited for their database connection."),
    ("db_client_operation_duration_seconds", "Duration of statements, by name and failure."),
    ("eventboard_build_info", "What runs; always 1."),
    ("eventboard_client_attempts_total", "Attempts of calls to a service, by whether they got an answer."),
    ("eventboard_client_ejections_total", "Replicas taken out of rotation."),
    ("eventboard_client_replicas", "Replicas of a service, by how they stand."),
    ("eventboard_client_retries_total", "Attempts that repeated a failed one."),
    ("eventboard_client_retry_budget_exhausted_total", "Retries that the budget had no room for."),
    ("eventboard_client_retry_budget_left", "Retries that the budget has room for."),
    ("eventboard_dependency_up", "Whether a dependency is there, as /health says."),
    ("eventboard_idempotency_outcomes_total", "What became of keyed writes."),
    ("eventboard_password_hash_duration_seconds", "Time to hash a password, without the wait."),
    ("eventboard_password_hash_running", "Passwords that are being hashed."),
    ("eventboard_password_hash_waiting", "Passwords that wait for a core."),
    ("eventboard_rate_limited_requests_total", "Requests answered 429."),
    ("eventboard_requests_failed_total", "Requests answered 5xx, but for health checks."),
    ("eventboard_shed_requests_total", "Requests refused with 503 for want of room, by what was full."),
    ("http_server_active_requests", "HTTP requests in work."),
    ("http_server_request_duration_seconds", "Duration of HTTP requests, by route and status."),
    ("rpc_client_call_duration_seconds", "Duration of gRPC calls made, with all their attempts."),
    ("rpc_server_call_duration_seconds", "Duration of gRPC calls served."),
];

/// Tells the recorder. It does not ask for the kind.
pub(super) fn describe() {
    for (name, description) in DESCRIPTIONS {
        metrics::describe_gauge!(*name, *description);
    }
}
