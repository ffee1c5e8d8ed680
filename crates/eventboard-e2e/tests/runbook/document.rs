//! The code blocks in the runbook that are marked as runnable.

use eventboard_e2e::{
    markdown::{Section, sections},
    runbook::Page,
};

/// The word after `bash run` in the info string of a code block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No word: the development stack is healthy afterwards.
    Plain,
    /// `stops`: the development stack is down afterwards.
    Stops,
    /// `follows`: the block runs until it is interrupted.
    Follows,
    /// `production`: the block is for the production stack.
    Production,
}

/// A runnable code block.
#[derive(Debug)]
pub(crate) struct Block {
    /// The path of the page that contains the block.
    pub(crate) page: String,
    pub(crate) heading: String,
    pub(crate) kind: Kind,
    pub(crate) lines: String,
}

impl Block {
    /// The page, the section and the first command, as the name of a result row.
    pub(crate) fn name(&self) -> String {
        let first = self.lines.lines().find(|line| !line.is_empty()).unwrap();
        let short: String = first.chars().take(90).collect();
        format!("{}, {}: {short}", self.page, self.heading)
    }
}

/// The runnable blocks of all pages, in order.
pub(crate) fn blocks(pages: &[Page]) -> Vec<Block> {
    let mut blocks = Vec::new();
    for page in pages {
        for section in sections(&page.text) {
            blocks.extend(blocks_of(page, &section));
        }
    }
    blocks
}

fn blocks_of(page: &Page, section: &Section) -> Vec<Block> {
    let (mut blocks, mut open) = (Vec::new(), None::<(usize, Block)>);
    for line in section.body.lines() {
        let indent = line.len() - line.trim_start().len();
        match &mut open {
            Some((outer, _)) if line.trim() == "```" && indent == *outer => {
                blocks.extend(open.take().map(|(_, block)| block));
            }
            Some((outer, block)) => {
                block.lines += line.get(*outer..).unwrap_or_default();
                block.lines += "\n";
            }
            None => {
                if let Some(word) = line.trim().strip_prefix("```bash run") {
                    let block = Block {
                        page: page.path.clone(),
                        heading: section.heading.clone(),
                        kind: kind_of(word, page),
                        lines: String::new(),
                    };
                    open = Some((indent, block));
                }
            }
        }
    }
    assert!(open.is_none(), "{}, {}: a block has no end", page.path, section.heading);
    blocks
}

fn kind_of(word: &str, page: &Page) -> Kind {
    match word.trim() {
        "" => Kind::Plain,
        "stops" => Kind::Stops,
        "follows" => Kind::Follows,
        "production" => Kind::Production,
        other => panic!("{}: `run {other}` is unknown", page.path),
    }
}
