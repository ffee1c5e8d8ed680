//! The settings in `.env.example`.

use crate::files;

/// A variable with its documentation.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The name of the variable.
    pub name: &'static str,
    /// The smallest and the largest value of a number or a duration, which the comment states as `From MIN to MAX`.
    pub range: Option<(&'static str, &'static str)>,
}

/// All settings.
pub fn settings() -> Vec<Setting> {
    let text: &'static str = files::text(".env.example").leak();
    let setting = |paragraph: &'static str| {
        let (comment, assignment) = paragraph.trim_end().rsplit_once('\n')?;
        let (name, _) = assignment.strip_prefix('#')?.split_once('=')?;
        let comment: &'static str = comment.replace("\n# ", " ").leak();
        Some(Setting { name, range: range(comment) })
    };
    let settings: Vec<_> = text.split("\n\n").filter_map(setting).collect();
    assert!(settings.len() > 60, "only {} settings were found", settings.len());
    settings
}

fn range(comment: &'static str) -> Option<(&'static str, &'static str)> {
    let (min, rest) = comment.split_once(" From ")?.1.split_once(" to ")?;
    Some((min, rest.split(['.', ',', ';']).next()?))
}
