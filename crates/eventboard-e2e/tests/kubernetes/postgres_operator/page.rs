//! The commands and files in docs/kubernetes.md.

use std::fs;

use eventboard_e2e::{
    files,
    markdown::{Section, sections},
};

use crate::cluster::Cluster;

const PAGE: &str = "docs/kubernetes.md";

/// The images, the object store and the sizes of the page, and what the test cluster has instead.
const REPLACEMENTS: [(&str, &str); 4] = [
    ("ghcr.io/cloudnative-pg/postgresql:17.10-standard-trixie", "test-cluster/postgresql:15.18"),
    ("ghcr.io/cloudnative-pg/postgresql:17.12-standard-trixie", "test-cluster/postgresql:15.20"),
    ("https://objects.example.com", "http://object-store.object-store:7070"),
    (r#"requests: {cpu: "1", memory: 4Gi}"#, "requests: {cpu: 100m, memory: 1Gi}"),
];

/// The page. Its commands run in the cluster's folder.
pub(crate) struct Page<'c> {
    cluster: &'c Cluster,
    sections: Vec<Section>,
}

impl<'c> Page<'c> {
    pub(crate) fn read(cluster: &'c Cluster) -> Self {
        let mut text = fs::read_to_string(files::root().join(PAGE)).unwrap();
        for (from, to) in REPLACEMENTS {
            assert!(text.contains(from), "{PAGE} has no {from}");
            text = text.replace(from, to);
        }
        Self { cluster, sections: sections(&text) }
    }

    /// Saves the files and runs the commands of a section.
    pub(crate) async fn run(&self, heading: &str) {
        self.run_with(heading, "", "").await;
    }

    /// Like [`Page::run`], with a value instead of an example.
    pub(crate) async fn run_with(&self, heading: &str, example: &str, value: &str) {
        let section = self.sections.iter().find(|section| section.heading == heading);
        let section = section.unwrap_or_else(|| panic!("{PAGE} has no section {heading}"));
        assert!(section.body.contains(example), "{heading} has no {example}");
        let blocks = blocks(&section.body.replace(example, value));
        assert!(!blocks.is_empty(), "{heading} has no command");
        for block in blocks {
            println!("{}", self.cluster.sh(&block.command()).await);
        }
    }
}

/// A code block that an operator runs or saves.
struct Block {
    /// The name of the file, if the block is one.
    file: Option<String>,
    lines: String,
}

impl Block {
    /// The command that runs or saves the block.
    fn command(&self) -> String {
        let lines = &self.lines;
        match &self.file {
            Some(name) => format!("cat > {name} <<'END_OF_FILE'\n{lines}END_OF_FILE\n"),
            None => lines.clone(),
        }
    }
}

/// The blocks whose info string is `bash run` or `yaml run FILE`.
fn blocks(body: &str) -> Vec<Block> {
    let (mut blocks, mut open) = (Vec::new(), None::<Block>);
    for line in body.lines() {
        match &mut open {
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some(block) => block.lines += &format!("{line}\n"),
            None => open = begin(line),
        }
    }
    blocks
}

/// The block that begins with this line.
fn begin(line: &str) -> Option<Block> {
    let file = line.strip_prefix("```yaml run ").map(str::to_owned);
    (file.is_some() || line == "```bash run").then(|| Block { file, lines: String::new() })
}
