//! Tests that links in the documentation lead to existing files and headings.

use std::path::{Path, PathBuf};

use eventboard_e2e::{
    files::{files, root, text},
    markdown::{links, sections},
};

/// The template for a new decision. It is skipped, because its link is a placeholder.
const TEMPLATE: &str = "docs/adr/template.md";

/// The Markdown files in the root folder and below docs/.
fn documents() -> Vec<PathBuf> {
    let mut documents = files(".", ".md");
    add_documents(Path::new("docs"), &mut documents);
    documents.retain(|document| document != Path::new(TEMPLATE));
    documents
}

fn add_documents(folder: &Path, documents: &mut Vec<PathBuf>) {
    for entry in root().join(folder).read_dir().unwrap() {
        let path = folder.join(entry.unwrap().file_name());
        if root().join(&path).is_dir() {
            add_documents(&path, documents);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            documents.push(path);
        }
    }
}

/// Whether the target of a link in `document` exists.
fn exists(document: &Path, target: &str) -> bool {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = if path.is_empty() { document.to_owned() } else { document.with_file_name(path) };
    root().join(&file).exists()
        && (anchor.is_empty() || sections(&text(&file)).iter().any(|section| section.anchor == anchor))
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let (mut checked, mut broken) = (0, Vec::new());
    for document in documents() {
        for target in links(&text(&document)).into_iter().filter(|target| !target.contains("://")) {
            checked += 1;
            if !exists(&document, &target) {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(checked > 100, "only {checked} links are found");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
