//! Parses `.env` files. docker-compose 1.29 and docker compose v2 read the same file, so only what both read alike is
//! accepted, and it gets the same value.
//!
//! No library does this. The two versions of docker-compose and the libraries differ in `$`, in backslashes, in quotes
//! over several lines, in tabs and in unusual spaces: what one of them takes literally, another one replaces, cuts or
//! ignores. Such a line is an error. The test `dotenv` of `eventboard-e2e` compares this parser with both.

use std::{collections::HashMap, fmt};

use thiserror::Error;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The white space that all readers treat alike.
const BLANKS: [char; 2] = [' ', '\t'];

/// A line of the file is invalid. The message contains the name of the variable if the line has one, but never its
/// value, because the value may be a secret.
#[derive(Debug, Error, PartialEq, Eq)]
pub struct DotenvError {
    line: usize,
    name: Option<String>,
    problem: Problem,
}

impl fmt::Display for DotenvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, name, problem } = self;
        write!(f, "line {line}: {} {problem}", name.as_deref().unwrap_or("the line"))
    }
}

/// What is wrong with a line. The messages continue a sentence that begins with the name of the variable.
#[derive(Debug, Clone, Copy, Error, PartialEq, Eq)]
enum Problem {
    #[error("is not text in UTF-8")]
    NotUtf8,
    #[error("has no `=`; expected NAME=value")]
    NoEqualsSign,
    #[error(
        "has no valid name before the `=`; a name consists of the letters A to Z and a to z, digits, `_`, `.` and \
         `-`, and begins with a letter or `_`"
    )]
    InvalidName,
    #[error("contains a control character, or a space other than the usual one")]
    ControlCharacter,
    #[error("begins with a quote that does not end on the same line")]
    UnterminatedQuote,
    #[error("has text after the closing quote")]
    TextAfterQuote,
    #[error("has a tab before a `#`; put the value in quotes, or write a space before a comment")]
    TabBeforeComment,
    #[error("contains `$`, which docker compose may replace; put the value in single quotes")]
    Dollar,
    #[error(
        "contains `${{`, which docker-compose 1.29 replaces even in single quotes; choose another value, or set the \
         variable in the environment"
    )]
    DollarBrace,
    #[error("contains a backslash in double quotes; use single quotes, or no quotes")]
    BackslashInDoubleQuotes,
    #[error("contains a backslash before another backslash or a quote in single quotes; use no quotes")]
    BackslashInSingleQuotes,
}

/// Parses the content of a file. If a variable occurs several times, the last one applies.
///
/// A line is empty, a comment (`# …`), or `NAME=value`, possibly after `export `. The value is
///
/// - unquoted: literal, except that ` #` begins a comment. It cannot contain `$`.
/// - in double quotes: literal, except `\"`, `\n`, `\r` and `\t`. It cannot contain `$` or another backslash.
/// - in single quotes: literal. It cannot contain `'`, `${`, or a backslash before another one.
///
/// # Errors
/// Returns the first invalid line. Further ones are not returned, because they may be parts of the value of the first.
pub fn parse(file: &[u8]) -> Result<HashMap<String, String>, DotenvError> {
    let file = file.strip_prefix(BYTE_ORDER_MARK).unwrap_or(file);
    let mut variables = HashMap::new();
    for (index, line) in file.split(|byte| *byte == b'\n').enumerate() {
        variables.extend(parse_line(line).map_err(|problem| {
            let name = printable_name(&String::from_utf8_lossy(line));
            DotenvError { line: index + 1, name, problem }
        })?);
    }
    Ok(variables)
}

/// Parses a line without its line feed. `None` when it is empty or a comment.
fn parse_line(line: &[u8]) -> Result<Option<(String, String)>, Problem> {
    let line = str::from_utf8(line).map_err(|_| Problem::NotUtf8)?;
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.trim().is_empty() {
        return Ok(None);
    }
    // docker-compose 1.29 begins a new line here.
    if line.contains('\r') {
        return Err(Problem::ControlCharacter);
    }
    let line = line.trim_start_matches(BLANKS);
    if line.starts_with('#') {
        return Ok(None);
    }
    let (name, value) = without_export(line).split_once('=').ok_or(Problem::NoEqualsSign)?;
    let name = name.trim_end_matches(BLANKS);
    if !is_name(name) {
        return Err(Problem::InvalidName);
    }
    let value = value.trim_start_matches(BLANKS);
    let value = match value.chars().next() {
        Some('\'') => quoted(&value[1..], '\'')?,
        Some('"') => quoted(&value[1..], '"')?,
        _ => unquoted(value)?.to_owned(),
    };
    Ok(Some((name.to_owned(), value)))
}

fn without_export(line: &str) -> &str {
    let rest = line.strip_prefix("export").filter(|rest| rest.starts_with(BLANKS));
    rest.map_or(line, |rest| rest.trim_start_matches(BLANKS))
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

fn unquoted(text: &str) -> Result<&str, Problem> {
    let value = text.split_once(" #").map_or(text, |(value, _comment)| value);
    if value.contains("\t#") {
        return Err(Problem::TabBeforeComment);
    }
    if value.contains('$') {
        return Err(Problem::Dollar);
    }
    match value.chars().any(is_unusual) {
        true => Err(Problem::ControlCharacter),
        false => Ok(value.trim_end_matches(BLANKS)),
    }
}

/// Parses a quoted value. `text` begins after the opening quote.
fn quoted(text: &str, quote: char) -> Result<String, Problem> {
    let is_single = quote == '\'';
    let mut value = String::new();
    let mut rest = text.chars();
    loop {
        let next = rest.next().ok_or(Problem::UnterminatedQuote)?;
        match next {
            _ if next == quote => break,
            '$' if !is_single => return Err(Problem::Dollar),
            '$' if rest.as_str().starts_with('{') => return Err(Problem::DollarBrace),
            '\\' if !is_single => {
                value.push(rest.next().and_then(unescape).ok_or(Problem::BackslashInDoubleQuotes)?);
            }
            '\\' if rest.as_str().starts_with(['\\', '\'']) => return Err(Problem::BackslashInSingleQuotes),
            _ if is_unusual(next) => return Err(Problem::ControlCharacter),
            _ => value.push(next),
        }
    }
    let rest = rest.as_str().trim_start_matches(BLANKS);
    if rest.is_empty() || rest.starts_with('#') { Ok(value) } else { Err(Problem::TextAfterQuote) }
}

/// The character that a backslash and this character mean in double quotes.
fn unescape(character: char) -> Option<char> {
    match character {
        '"' => Some('"'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        _ => None,
    }
}

/// Whether readers disagree about the character: a control character, or a space that only some of them remove.
fn is_unusual(character: char) -> bool {
    !BLANKS.contains(&character) && (character.is_control() || character.is_whitespace())
}

/// The name at the beginning of an invalid line. `None` if the beginning may be a part of a value: a value can be a text
/// of several lines, and its second line looks like a variable of its own.
fn printable_name(line: &str) -> Option<String> {
    let line = without_export(line.trim_start_matches(BLANKS));
    let name = match line.split_once('=') {
        Some((name, _)) => Some(name.trim_end_matches(BLANKS)).filter(|name| is_name(name)),
        // Base64 and most words contain no `_`.
        None => line.split(|c: char| c == ':' || c.is_whitespace()).next().filter(|name| {
            let is_upper_case = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            is_name(name) && name.contains('_') && name.chars().all(is_upper_case)
        }),
    };
    name.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Problem::*, *};

    fn value(file: &str) -> String {
        parse(file.as_bytes())
            .unwrap_or_else(|error| panic!("{file:?}: {error}"))
            .remove("A")
            .expect("a variable A")
    }

    #[test]
    fn a_value_is_literal_in_and_without_quotes() {
        for (line, expected) in [
            ("A=b", "b"),
            ("A=", ""),
            ("A= ", ""),
            ("A=''", ""),
            (r#"A="""#, ""),
            ("  A \t=\t b c \t", "b c"),
            ("export A=b", "b"),
            ("export \tA = b", "b"),
            ("A=b=c==", "b=c=="),
            ("A=b#c", "b#c"),
            ("A=#c", "#c"),
            ("A=b # c $d", "b"),
            ("A=b\t # c", "b"),
            ("A=b'c\"d", "b'c\"d"),
            (r"A=C:\new\", r"C:\new\"),
            ("A=ä€", "ä€"),
            ("A='b # c'", "b # c"),
            ("A='$b$$ c\\d\"' # e", "$b$$ c\\d\""),
            ("A='b'#c", "b"),
            (r#"A="it's # b""#, "it's # b"),
            (r#"A="b\"c\nd\te\r""#, "b\"c\nd\te\r"),
            ("A=b\r\n", "b"),
            ("A='b'\r\n", "b"),
            ("A=\r\n", ""),
            ("\u{feff}A=b", "b"),
            ("# A=c\n\n \t\nA=b\n#", "b"),
            ("A=b\nA=c", "c"),
        ] {
            assert_eq!(value(line), expected, "{line:?}");
        }
    }

    #[test]
    fn names_can_contain_lower_case_letters_digits_dots_and_hyphens() {
        let variables = parse(b"_a=1\nB.c-2=3").expect("good names");
        assert_eq!((variables["_a"].as_str(), variables["B.c-2"].as_str()), ("1", "3"));
    }

    #[test]
    fn a_line_that_readers_treat_differently_is_an_error_with_its_number_and_name_but_not_its_value() {
        for (line, name, problem) in [
            (&b"JWT_SECRET=hush$h"[..], "JWT_SECRET", Dollar),
            (b"JWT_SECRET=hush$", "JWT_SECRET", Dollar),
            (b"JWT_SECRET=\"hush$\"", "JWT_SECRET", Dollar),
            (b"JWT_SECRET=\"${hush}\"", "JWT_SECRET", Dollar),
            (b"JWT_SECRET='hush${h}'", "JWT_SECRET", DollarBrace),
            (b"JWT_SECRET='hush", "JWT_SECRET", UnterminatedQuote),
            (b"JWT_SECRET=\"hush", "JWT_SECRET", UnterminatedQuote),
            (b"JWT_SECRET=\"hush'", "JWT_SECRET", UnterminatedQuote),
            (b"JWT_SECRET='hu'sh", "JWT_SECRET", TextAfterQuote),
            (b"JWT_SECRET='hu' 'sh'", "JWT_SECRET", TextAfterQuote),
            (b"JWT_SECRET=\"hush\\\\\"", "JWT_SECRET", BackslashInDoubleQuotes),
            (b"JWT_SECRET=\"hu\\sh\"", "JWT_SECRET", BackslashInDoubleQuotes),
            (b"JWT_SECRET=\"hush\\", "JWT_SECRET", BackslashInDoubleQuotes),
            (b"JWT_SECRET='hu\\\\sh'", "JWT_SECRET", BackslashInSingleQuotes),
            (b"JWT_SECRET='hush\\'", "JWT_SECRET", BackslashInSingleQuotes),
            (b"JWT_SECRET=hush\t# h", "JWT_SECRET", TabBeforeComment),
            (b"JWT_SECRET=hu\rsh", "JWT_SECRET", ControlCharacter),
            (b"JWT_SECRET=hu\0sh", "JWT_SECRET", ControlCharacter),
            ("JWT_SECRET=hush\u{a0}".as_bytes(), "JWT_SECRET", ControlCharacter),
            ("JWT_SECRET='hush\u{2003}'".as_bytes(), "JWT_SECRET", ControlCharacter),
            (b"JWT_SECRET=hush\xff", "JWT_SECRET", NotUtf8),
            (b"JWT_SECRET: hush", "JWT_SECRET", NoEqualsSign),
            (b"JWT_SECRET hush", "JWT_SECRET", NoEqualsSign),
            (b"export JWT_SECRET", "JWT_SECRET", NoEqualsSign),
            (b"JWT_SECRET:hush=h", "the line", InvalidName),
            (b"JWT SECRET=hush", "the line", InvalidName),
            (b"'JWT_SECRET'=hush", "the line", InvalidName),
            (b"1JWT=hush", "the line", InvalidName),
            (b"=hush", "the line", InvalidName),
            (b"export =hush", "the line", InvalidName),
            ("\u{feff}\u{feff}A=hush".as_bytes(), "the line", InvalidName),
            (b"MIIhush", "the line", NoEqualsSign),
            (b"hush/hush==", "the line", InvalidName),
            (b"# hush \rJWT_SECRET=hush", "the line", ControlCharacter),
        ] {
            let file = [b"# A comment\nA=b\n", line, b"\nC='hush"].concat();
            let error = parse(&file).expect_err("an invalid line");
            assert_eq!(error.problem, problem, "{}", String::from_utf8_lossy(line));
            let message = error.to_string();
            assert!(message.starts_with(&format!("line 3: {name} ")), "{message}");
            assert!(!message.contains("hu") && !format!("{error:?}").contains("hu"), "{message}");
        }
    }

    proptest! {
        #[test]
        fn a_message_never_contains_a_value(prefix in "[ \"'$\\\\#\t]{0,3}", suffix in "[ \"'$\\\\{}#\t\r]{0,4}") {
            let line = format!("JWT_SECRET={prefix}hush{suffix}");
            if let Err(error) = parse(line.as_bytes()) {
                let (message, debug) = (error.to_string(), format!("{error:?}"));
                prop_assert!(!message.contains("hush") && !debug.contains("hush"), "{}", message);
                prop_assert!(message.starts_with("line 1: JWT_SECRET "), "{}", message);
            }
        }

        #[test]
        fn a_value_in_single_quotes_is_literal(text in "[a-zA-Z0-9 !\"#$%&()*+,./:;<=>?@^_`|}~-]*") {
            prop_assert_eq!(value(&format!("A='{text}'")), text);
        }
    }
}
