//! The server's settings. They are given on its command line, so a data folder needs no edited file.

use crate::port;

const COMMON: [(&str, &str); 5] = [
    // Sockets would need a folder with a short path that only we can write to; TCP with a password does not.
    ("unix_socket_directories", ""),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    // Compiling costs more than it saves on queries as short as ours.
    ("jit", "off"),
    ("logging_collector", "off"),
];

/// For data that nobody misses after a crash of the machine: fast, and small beside a hundred tests. Commits stay
/// synchronous, which costs little without fsync: what was committed outlives a crash of the server itself.
const FLEETING: [(&str, &str); 6] = [
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("shared_buffers", "32MB"),
    ("log_checkpoints", "off"),
];

/// Arguments for `postgres`; of two with the same name the later one counts, so `extra` overrides the rest.
pub(crate) fn arguments(durable: bool, extra: &[(String, String)]) -> Vec<String> {
    let fleeting = if durable { &[][..] } else { &FLEETING[..] };
    let fixed = COMMON.iter().chain(fleeting).copied();
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
    fn only_fleeting_data_goes_without_fsync() {
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
