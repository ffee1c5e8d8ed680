//! Messages to the operator on stderr.

use std::io::{self, Write};

use eventboard_domain::escape;

/// Prints a message of one or more lines. What a terminal would act on is escaped, because the message may contain texts
/// from clients or from the database. If stderr is closed or full, the message is lost, because the process must go on.
pub fn print(message: &str) {
    let lines: String = message.lines().map(|line| format!("{}\n", escape(line))).collect();
    let _ = io::stderr().lock().write_all(lines.as_bytes());
}
