//! The text of a search: the pattern that finds it, and the index that can find it.

use std::collections::BTreeSet;

use eventboard_domain::fold;

/// The most pairs of which an index entry must exist. Further ones would hardly reduce the candidates.
const MAX_PAIRS: usize = 32;

/// Up to this repetition, comparing costs less than reading the text.
const CHEAP_REPETITION: u32 = 4;

/// A text that events are searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SearchText {
    /// A `like` pattern for the column `searchText`.
    pub pattern: String,
    /// What the text has in one of the two indexes.
    pub index: SearchIndex,
    /// How many times a comparison may read each byte of an event, at least 1: see [`repetition`].
    pub repetition: u32,
}

/// An index that finds the events with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SearchIndex {
    /// `idx_events_search_trigrams`, by the pattern itself.
    Trigrams,
    /// `idx_events_search_pairs`, by these numbers of the SQL function `search_pairs`. There is none for a single letter of
    /// the English alphabet or digit. Nearly every event has it, so it is found without an index.
    Pairs(Vec<i64>),
}

impl SearchText {
    /// The text in the form in which events store theirs.
    pub(super) fn new(text: &str) -> Self {
        let folded = fold(text);
        let characters: Vec<char> = folded.chars().collect();
        let index = match has_trigram(&characters) {
            true => SearchIndex::Trigrams,
            false => SearchIndex::Pairs(pairs(&characters)),
        };
        let repetition = u32::try_from(repetition(&characters)).unwrap_or(u32::MAX);
        Self { pattern: contains_pattern(&folded), index, repetition }
    }

    /// Whether an index can find the events with this text.
    pub(super) fn is_in_an_index(&self) -> bool {
        match &self.index {
            SearchIndex::Trigrams => true,
            SearchIndex::Pairs(pairs) => !pairs.is_empty(),
        }
    }

    /// The number of events that cost as much as `rows` usually do.
    pub(super) fn affordable(&self, rows: u32) -> u32 {
        (rows / (self.repetition / CHEAP_REPETITION).max(1)).max(1)
    }
}

/// Whether pg_trgm finds a trigram: three letters or digits in a row. It takes fewer characters for digits than Rust does
/// (`²` and `¼` are none).
fn has_trigram(characters: &[char]) -> bool {
    let is_word = |character: &char| character.is_alphabetic() || character.is_ascii_digit();
    characters.windows(3).any(|window| window.iter().all(is_word))
}

/// The numbers that the SQL function `search_pairs` makes of the pairs of neighbors, or of a single character.
fn pairs(characters: &[char]) -> Vec<i64> {
    if let [single] = characters {
        let is_frequent = matches!(single, 'a'..='z' | '0'..='9' | ' ');
        return if is_frequent { Vec::new() } else { vec![i64::from(u32::from(*single))] };
    }
    let number =
        |pair: &[char]| pair.iter().fold(0, |number, next| number << 21 | i64::from(u32::from(*next)));
    let pairs: BTreeSet<i64> = characters.windows(2).map(number).collect();
    pairs.into_iter().take(MAX_PAIRS).collect()
}

/// How often the beginning of the text repeats itself: 1 for `word`, 3 for `hahaha`, 200 for 200 times the same letter.
///
/// PostgreSQL compares the pattern at each position of a text until a character differs. The number of these
/// comparisons is at most the length of the text, times this number: within a part of the text that matches a
/// beginning of the pattern, further matches begin only where that beginning repeats.
fn repetition(characters: &[char]) -> usize {
    // The prefix function of Knuth, Morris and Pratt: the length of the longest proper prefix that is also a suffix.
    let mut borders = vec![0; characters.len()];
    let mut highest = 1;
    for end in 1..characters.len() {
        let mut border: usize = borders[end - 1];
        while border > 0 && characters[end] != characters[border] {
            border = borders[border - 1];
        }
        borders[end] = border + usize::from(characters[end] == characters[border]);
        let length = end + 1;
        highest = highest.max(length / (length - borders[end]));
    }
    highest
}

/// Returns a `like` pattern that matches every string that contains the literal text.
fn contains_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wildcards_are_escaped() {
        assert_eq!(contains_pattern(r"50%_\o/"), r"%50\%\_\\o/%");
    }

    #[test]
    fn a_text_with_three_letters_in_a_row_is_found_by_trigrams_and_any_other_by_pairs() {
        let of = |text: &str| SearchText::new(text).index;
        for text in ["abc", "a b cde", "Große", "12 345", "会議室"] {
            assert_eq!(of(text), SearchIndex::Trigrams, "{text}");
        }
        let number =
            |pair: &str| pair.chars().fold(0, |number, next| number << 21 | i64::from(u32::from(next)));
        for (text, pairs) in [
            ("A", &[][..]),
            ("会", &["会"]),
            ("ab", &["ab"]),
            ("ß", &["ss"]),
            ("c++", &["++", "c+"]),
            ("a b", &[" b", "a "]),
            ("---", &["--"]),
            ("m²³", &["m²", "²³"]),
        ] {
            let pairs = pairs.iter().map(|pair| number(pair)).collect();
            assert_eq!(of(text), SearchIndex::Pairs(pairs), "{text}");
        }
    }

    #[test]
    fn only_a_text_that_repeats_itself_costs_more() {
        for (text, repetition, affordable) in [
            ("word", 1, 1000),
            ("banana", 1, 1000),
            ("hahaha", 3, 1000),
            ("aaaaaaa", 7, 1000),
            ("aaaaaaaa", 8, 500),
            ("abababababababab", 8, 500),
            (&"a".repeat(200), 200, 20),
            (&format!("{}b", "a".repeat(199)), 199, 20),
        ] {
            let search = SearchText::new(text);
            assert_eq!((search.repetition, search.affordable(1000)), (repetition, affordable), "{text}");
        }
    }

    /// Returns the text that the pattern matches. Fails when a wildcard other than the outer two is not escaped.
    fn unescape(pattern: &str) -> String {
        let mut characters = pattern[1..pattern.len() - 1].chars();
        let mut text = String::new();
        while let Some(character) = characters.next() {
            assert!(!matches!(character, '%' | '_'), "an unescaped wildcard in {pattern}");
            text.push(if character == '\\' { characters.next().unwrap() } else { character });
        }
        text
    }

    /// The number of characters that are compared to find the first characters of `text` at every position of `within`.
    fn comparisons(text: &[char], within: &[char]) -> usize {
        let matched =
            |at: usize| within[at..].iter().zip(text).take_while(|(one, other)| one == other).count();
        (0..within.len()).map(|at| matched(at) + 1).sum()
    }

    proptest! {
        #[test]
        fn a_pattern_matches_exactly_its_text(text in "[%_\\\\a-c]{0,20}|\\PC{0,20}") {
            prop_assert_eq!(unescape(&contains_pattern(&text)), text);
        }

        #[test]
        fn the_repetition_limits_the_comparisons(text in "[ab]{1,12}|(ab){1,6}b?|a{1,12}b?", within in "[ab]{0,60}|(ab){0,30}|a{0,60}") {
            let (text, within): (Vec<_>, Vec<_>) = (text.chars().collect(), within.chars().collect());
            // One comparison more at each position, and twice as many because a repetition is rounded down.
            prop_assert!(comparisons(&text, &within) <= within.len() * (1 + 2 * repetition(&text)));
        }
    }
}
