//! Whose connection it is.

use std::fs;

/// Whether the process has an end of a connection that is at this port of 127.0.0.1.
pub(crate) fn has_port(process: u32, port: u16) -> bool {
    // 127.0.0.1 as /proc spells it: https://docs.kernel.org/networking/proc_net_tcp.html
    let local = format!("0100007F:{port:04X}");
    let connections = fs::read_to_string(format!("/proc/{process}/net/tcp")).unwrap();
    let fields = connections.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // The list is of all processes, and connections to different ports may come from the same one.
    let there: Vec<_> =
        fields.filter(|fields| fields[1] == local).map(|fields| format!("socket:[{}]", fields[9])).collect();
    let sockets = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let mut links = sockets.filter_map(|socket| fs::read_link(socket.ok()?.path()).ok());
    links.any(|link| there.iter().any(|socket| link.as_os_str() == socket.as_str()))
}
