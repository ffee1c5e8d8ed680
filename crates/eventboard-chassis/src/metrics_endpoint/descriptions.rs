//! The one-line description (HELP) of each metric. docs/metrics.md has more. An end-to-end test checks that every
//! metric has a description.

const DESCRIPTIONS: &[(&str, &str)] = &[
    ("db_client_connection_count", "Connections of the pool, idle or used."),
    ("db_client_connection_max", "Maximum size of the connection pool."),
    ("db_client_connection_pending_requests", "Calls waiting for a database connection."),
    ("db_client_connection_timeouts_total", "Calls that timed out waiting for a database connection."),
    ("db_client_connection_wait_time_seconds", "Time that calls waited for a database connection."),
    ("db_client_operation_duration_seconds", "Duration of statements, by name and error."),
    ("eventboard_build_info", "Version and revision of the process; always 1."),
    ("eventboard_client_attempts_total", "Attempts of calls to a service, by whether they got a response."),
    ("eventboard_client_ejections_total", "Ejections of replicas from the rotation."),
    ("eventboard_client_replicas", "Replicas of a service, by state."),
    ("eventboard_client_retries_total", "Retries of failed attempts."),
    ("eventboard_client_retry_budget_exhausted_total", "Retries not made because the budget was exhausted."),
    ("eventboard_client_retry_budget_left", "Retries that the budget still allows."),
    ("eventboard_dependency_up", "Whether a dependency is up, as in /health."),
    (
        "eventboard_ended_connections_total",
        "Connections ended because of a limit, and unread HTTP/2 streams.",
    ),
    ("eventboard_idempotency_outcomes_total", "Writes with an idempotency key, by outcome."),
    ("eventboard_mail_deliveries_total", "Attempts to send a mail, by outcome."),
    ("eventboard_outbox_dead", "Mails that could not be sent and are not tried again."),
    ("eventboard_outbox_due", "Mails that wait."),
    ("eventboard_outbox_oldest_due_age_seconds", "How long the oldest mail has waited."),
    ("eventboard_password_hash_duration_seconds", "Time to hash a password, without waiting."),
    ("eventboard_password_hash_running", "Password hashes being computed."),
    ("eventboard_password_hash_waiting", "Password hashes waiting for a core."),
    ("eventboard_rate_limited_requests_total", "Requests rejected with 429."),
    ("eventboard_requests_failed_total", "Requests that got a 5xx response, without health checks."),
    ("eventboard_sessions_opened_total", "Logins and signups that succeeded."),
    ("eventboard_shed_requests_total", "Requests rejected with 503 under overload, by the exceeded limit."),
    (
        "eventboard_throttled_password_checks_total",
        "Passwords refused unchecked, because too many were wrong.",
    ),
    ("eventboard_token_refreshes_total", "Refresh tokens that were presented, by outcome."),
    ("http_server_active_requests", "HTTP requests in flight."),
    ("http_server_request_duration_seconds", "Duration of HTTP requests, by route and status."),
    ("rpc_client_call_duration_seconds", "Duration of outgoing gRPC calls, including all attempts."),
    ("rpc_server_call_duration_seconds", "Duration of incoming gRPC calls."),
];

/// Passes the descriptions to the recorder. `describe_gauge` suits all kinds of metrics, because the recorder
/// ignores the kind.
pub(super) fn describe() {
    for (name, description) in DESCRIPTIONS {
        metrics::describe_gauge!(*name, *description);
    }
}
