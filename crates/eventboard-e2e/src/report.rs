//! Saves the results of a test.

use std::{fs::OpenOptions, io::Write, path::Path};

/// Prints table rows and appends them to a file next to `folder` (`CARGO_TARGET_TMPDIR`). A new file begins with the
/// table header.
pub fn publish(folder: &str, name: &str, header: &str, rows: &str) {
    print!("\n{header}{rows}");
    let path = Path::new(folder).with_file_name(name);
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    if file.metadata().unwrap().len() == 0 {
        file.write_all(header.as_bytes()).unwrap();
    }
    file.write_all(rows.as_bytes()).unwrap();
}
