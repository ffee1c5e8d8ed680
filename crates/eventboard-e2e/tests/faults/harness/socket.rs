//! The owner of a connection.

use std::fs;

/// Whether the process has a socket with this local port on 127.0.0.1.
pub(crate) fn has_local_port(pid: u32, port: u16) -> bool {
    // 127.0.0.1 in the format of /proc (https://docs.kernel.org/networking/proc_net_tcp.html).
    let local = format!("0100007F:{port:04X}");
    let connections = fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap();
    let fields = connections.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // The process must own one of the sockets, because the list contains the sockets of all processes, and several
    // may have the same local port.
    let with_port: Vec<_> =
        fields.filter(|fields| fields[1] == local).map(|fields| format!("socket:[{}]", fields[9])).collect();
    let sockets = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let mut links = sockets.filter_map(|socket| fs::read_link(socket.ok()?.path()).ok());
    links.any(|link| with_port.iter().any(|socket| link.as_os_str() == socket.as_str()))
}
