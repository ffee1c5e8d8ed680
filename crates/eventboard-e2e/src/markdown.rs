//! The parts of a Markdown document that tests read: sections and links.

/// A heading and the lines below it, up to the next heading.
#[derive(Debug)]
pub struct Section {
    /// The text of the heading.
    pub heading: String,
    /// The fragment of a link to the heading, as GitHub generates it.
    pub anchor: String,
    /// The lines below the heading.
    pub body: String,
}

/// The sections of a document, in order. Text above the first heading belongs to no section.
pub fn sections(text: &str) -> Vec<Section> {
    let (mut sections, mut is_code) = (Vec::<Section>::new(), false);
    for line in text.lines() {
        is_code ^= is_fence(line);
        if !is_code && line.starts_with('#') {
            let heading = line.trim_start_matches('#').trim();
            let anchor = anchor_of(heading, &sections);
            sections.push(Section { heading: heading.to_owned(), anchor, body: String::new() });
        } else if let Some(section) = sections.last_mut() {
            section.body += line;
            section.body.push('\n');
        }
    }
    sections
}

/// The code blocks in bash, in order, without their indentation.
pub fn bash_blocks(text: &str) -> Vec<String> {
    let (mut blocks, mut open) = (Vec::new(), None::<(usize, String)>);
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        match &mut open {
            Some((outer, _)) if is_fence(line) && indent == *outer => {
                blocks.extend(open.take().map(|(_, lines)| lines));
            }
            Some((outer, lines)) => {
                *lines += line.get(*outer..).unwrap_or_default();
                lines.push('\n');
            }
            None if line.trim_start().starts_with("```bash") => open = Some((indent, String::new())),
            None => {}
        }
    }
    blocks
}

/// The targets of the links `[text](target)` outside of code blocks.
pub fn links(text: &str) -> Vec<String> {
    let mut is_code = false;
    let prose = text.lines().filter(|line| {
        is_code ^= is_fence(line);
        !is_code
    });
    let prose = prose.collect::<Vec<_>>().join("\n");
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).collect()
}

/// Whether the line begins or ends a code block.
fn is_fence(line: &str) -> bool {
    line.trim_start().starts_with("```")
}

/// Converts a heading to its anchor: lower case, no punctuation, hyphens for spaces, and a number if the heading is
/// repeated.
fn anchor_of(heading: &str, before: &[Section]) -> String {
    let lower_case = heading.to_lowercase();
    let kept = lower_case.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    let anchor = kept.collect::<String>().replace(' ', "-");
    match before.iter().filter(|section| section.heading == heading).count() {
        0 => anchor,
        repeats => format!("{anchor}-{repeats}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "\
# Rotate JWT_SECRET, now
See [below](#a-503-isnt-fatal) and [the
file](../file.md#x).
```bash
# A comment, [no](link).
```
## A 503 isn't fatal!
## A 503 isn't fatal!
";

    #[test]
    fn anchors_follow_the_rule_of_github() {
        let anchors: Vec<_> = sections(DOCUMENT).into_iter().map(|section| section.anchor).collect();
        assert_eq!(anchors, ["rotate-jwt_secret-now", "a-503-isnt-fatal", "a-503-isnt-fatal-1"]);
    }

    #[test]
    fn a_block_loses_the_indentation_of_its_list() {
        let text =
            "1. Do this:\n\n   ```bash\n   for x in 1; do\n     echo\n   done\n   ```\n\n```text\nno\n```\n";
        assert_eq!(bash_blocks(text), ["for x in 1; do\n  echo\ndone\n"]);
    }

    #[test]
    fn code_contains_neither_headings_nor_links() {
        assert_eq!(links(DOCUMENT), ["#a-503-isnt-fatal", "../file.md#x"]);
        assert!(sections(DOCUMENT)[0].body.contains("# A comment"));
    }
}
