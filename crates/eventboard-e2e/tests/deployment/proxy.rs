//! Tests of the proxy's configuration in docker-compose.prod.yml. The test `proxy` attacks it on a real nginx.

use eventboard_e2e::files::{document, text};

const MIB: u64 = 1024;

/// The default of net.core.wmem_default, in KiB.
const SOCKET: u64 = 208;

/// The value of a directive, which is the same wherever it occurs.
fn directive(config: &str, name: &str) -> String {
    let with_name = |line: &str| line.trim().strip_prefix(name)?.trim().strip_suffix(';').map(str::to_owned);
    let mut values: Vec<_> = config.lines().filter_map(with_name).collect();
    values.dedup();
    assert_eq!(values.len(), 1, "{name}: {values:?}");
    values[0].clone()
}

#[test]
fn in_the_worst_case_the_proxy_does_not_use_all_of_its_memory() {
    let config = text("deploy/nginx/nginx.conf");
    let number = |name: &str| directive(&config, name).parse::<u64>().unwrap();
    // Changed buffers need another calculation.
    for (name, value) in [
        ("worker_processes", "1"),
        ("large_client_header_buffers", "2 8k"),
        ("max_headers", "95"),
        ("client_body_buffer_size", "64k"),
        ("http2_body_preread_size", "64k"),
        ("proxy_buffer_size", "8k"),
        ("proxy_buffers", "4 8k"),
        ("proxy_request_buffering", "off"),
        ("proxy_max_temp_file_size", "0"),
        ("ssl_session_cache", "shared:tls:10m"),
    ] {
        assert_eq!(directive(&config, name), value, "{name}");
    }
    // In the stream module, in the HTTP module, and the connection between them.
    let connections = number("worker_connections") / 3;
    let kib =
        connections * (56 + SOCKET) + connections * number("http2_max_concurrent_streams") * 72 + 10 * MIB;
    assert!(config.contains(&format!("# This is {} MiB of the container's 2 GiB,", kib / MIB)), "{kib} KiB");
    assert!(kib < 2048 * MIB);
    assert_eq!(document("docker-compose.prod.yml")["services"]["proxy"]["mem_limit"], "2g");
}

#[test]
fn the_proxy_and_the_gateway_get_the_same_allowed_origins() {
    let services = &document("docker-compose.prod.yml")["services"];
    let origins = |service: &str| services[service]["environment"]["CORS_ALLOWED_ORIGINS"].clone();
    assert!(origins("proxy").is_string());
    assert_eq!(origins("proxy"), origins("api-gateway"));
}
