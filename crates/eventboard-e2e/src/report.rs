//! Figures that a test leaves behind.

use std::{fs::OpenOptions, io::Write, path::Path};

/// Prints the rows of a table, and appends them to a file beside cargo's folder for tests (`CARGO_TARGET_TMPDIR`); a new
/// file begins with the table's head.
pub fn publish(folder: &str, name: &str, head: &str, rows: &str) {
    print!("\n{head}{rows}");
    let path = Path::new(folder).with_file_name(name);
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    if file.metadata().unwrap().len() == 0 {
        file.write_all(head.as_bytes()).unwrap();
    }
    file.write_all(rows.as_bytes()).unwrap();
}
