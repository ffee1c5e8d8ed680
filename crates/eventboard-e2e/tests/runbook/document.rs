//! The blocks of RUNBOOK.md that say of themselves that they can be run.

/// What the info string of a block says after `bash run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The development stack serves afterwards.
    Plain,
    /// `stops`: nothing serves afterwards.
    Stops,
    /// `follows`: it goes on until it is interrupted.
    Follows,
    /// `production`: it is about the production stack.
    Production,
}

/// A block.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) heading: String,
    pub(crate) kind: Kind,
    pub(crate) lines: String,
}

impl Block {
    /// The heading and the first command, as a row's name.
    pub(crate) fn name(&self) -> String {
        let first = self.lines.lines().find(|line| !line.is_empty()).unwrap();
        let short: String = first.chars().take(90).collect();
        format!("RUNBOOK.md, {}: {short}", self.heading)
    }
}

/// All runnable blocks, in order.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let (mut blocks, mut heading, mut open) = (Vec::new(), String::new(), None::<(usize, Block)>);
    for line in text.lines() {
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
                if let Some(kind) = line.trim().strip_prefix("```bash run") {
                    let block = Block { heading: heading.clone(), kind: kind_of(kind), lines: String::new() };
                    open = Some((indent, block));
                } else if line.starts_with('#') {
                    line.trim_start_matches('#').trim().clone_into(&mut heading);
                }
            }
        }
    }
    blocks
}

fn kind_of(word: &str) -> Kind {
    match word.trim() {
        "" => Kind::Plain,
        "stops" => Kind::Stops,
        "follows" => Kind::Follows,
        "production" => Kind::Production,
        other => panic!("RUNBOOK.md: nobody knows what `run {other}` means"),
    }
}
