//! The runbook: RUNBOOK.md, and the pages of docs/runbook that it lists.

use std::{fs, path::Path};

use crate::{
    files,
    markdown::{bash_blocks, links, sections},
};

const INDEX: &str = "RUNBOOK.md";

/// The section of RUNBOOK.md that lists the pages.
const PAGES_HEADING: &str = "Pages";

const FOLDER: &str = "docs/runbook";

/// A page of the runbook.
#[derive(Debug)]
pub struct Page {
    /// The path of the file in the checkout.
    pub path: String,
    /// The text of the file.
    pub text: String,
}

impl Page {
    fn read(checkout: &Path, path: String) -> Self {
        let text = fs::read_to_string(checkout.join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path, text }
    }
}

/// The only block in bash, in a section of a page of docs/runbook, that contains a text.
pub fn block(page: &str, heading: &str, text: &str) -> String {
    let page = files::text(format!("{FOLDER}/{page}"));
    let section = sections(&page).into_iter().find(|section| section.heading == heading);
    let section = section.unwrap_or_else(|| panic!("no section {heading}"));
    let blocks: Vec<_> =
        bash_blocks(&section.body).into_iter().filter(|block| block.contains(text)).collect();
    assert_eq!(blocks.len(), 1, "blocks with {text} in {heading}");
    blocks.concat()
}

/// RUNBOOK.md, followed by the pages in the order of the links in its section "Pages".
///
/// # Panics
///
/// If the section does not list every file of docs/runbook exactly once.
pub fn pages(checkout: &Path) -> Vec<Page> {
    let index = Page::read(checkout, INDEX.to_owned());
    let list = sections(&index.text).into_iter().find(|section| section.heading == PAGES_HEADING);
    let listed = links(&list.unwrap_or_else(|| panic!("{INDEX} has no section {PAGES_HEADING}")).body);
    assert_all_are_listed(checkout, &listed);
    let mut pages = vec![index];
    pages.extend(listed.into_iter().map(|path| Page::read(checkout, path)));
    pages
}

fn assert_all_are_listed(checkout: &Path, listed: &[String]) {
    let entries = fs::read_dir(checkout.join(FOLDER)).unwrap();
    let mut files: Vec<_> =
        entries.map(|entry| format!("{FOLDER}/{}", entry.unwrap().file_name().display())).collect();
    files.sort();
    let mut listed = listed.to_vec();
    listed.sort();
    assert_eq!(listed, files, "the section {PAGES_HEADING} of {INDEX} must list every file of {FOLDER} once");
}
