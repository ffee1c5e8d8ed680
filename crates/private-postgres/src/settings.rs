//! The server's settings. The settings are passed on the server's command line, so no file in the data folder needs
//! to be edited.

use crate::port;

const COMMON: [(&str, &str); 5] = [
    // No socket is used, because it would need a private folder with a short path. TCP with a password does not.
    ("unix_socket_directories", ""),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    // For our short queries, just-in-time compilation costs more time than it saves.
    ("jit", "off"),
    ("logging_collector", "off"),
];

/// Settings for a server whose data may be lost if the machine crashes. They make it fast, and small enough for a
/// hundred parallel tests. Commits stay synchronous, which costs little without fsync, so that committed data
/// survives a crash of the server itself.
const NON_DURABLE: [(&str, &str); 6] = [
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("shared_buffers", "32MB"),
    ("log_checkpoints", "off"),
];

/// The arguments for `postgres`. If a setting occurs twice, the later one takes effect, so `extra` overrides all
/// other settings.
pub(crate) fn arguments(durable: bool, extra: &[(String, String)]) -> Vec<String> {
    let non_durable = if durable { &[][..] } else { &NON_DURABLE[..] };
    let fixed = COMMON.iter().chain(non_durable).copied();
    let addresses = [("listen_addresses", port::listen_addresses())];
    let extra = extra.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    fixed
        .chain(addresses)
        .chain(extra)
        .flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fsync_is_disabled_only_for_non_durable_data() {
        let unsafe_setting = "fsync=off".to_owned();
        assert!(arguments(false, &[]).contains(&unsafe_setting));
        assert!(!arguments(true, &[]).contains(&unsafe_setting));
    }

    #[test]
    fn extra_settings_come_last() {
        let extra = [("max_connections".to_owned(), "300".to_owned())];
        assert_eq!(arguments(true, &extra).last().map(String::as_str), Some("max_connections=300"));
    }
}
