//! Parses enough of PromQL to find the metrics and labels in an expression and to remove the thresholds.

use std::collections::BTreeSet;

/// A parsed expression.
#[derive(Debug)]
pub struct Expression<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
}

/// `metric{label="value"}`.
#[derive(Debug, PartialEq, Eq)]
pub struct Selector<'a> {
    /// The name of the series.
    pub metric: &'a str,
    /// The label matchers.
    pub matchers: Vec<Matcher<'a>>,
}

/// `label="value"`.
#[derive(Debug, PartialEq, Eq)]
pub struct Matcher<'a> {
    /// The label.
    pub label: &'a str,
    /// `=`, `!=`, `=~` or `!~`.
    pub operator: &'a str,
    /// The value, or a regular expression.
    pub value: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TokenKind {
    Word,
    Quoted,
    Number,
    Symbol,
}

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    kind: TokenKind,
    text: &'a str,
    /// The position in the text.
    at: usize,
}

/// Aggregations that combine series. (`topk` is not included, because it only selects series.)
const AGGREGATIONS: [&str; 5] = ["sum", "min", "max", "avg", "count"];
const SET_OPERATORS: [&str; 3] = ["and", "or", "unless"];
/// Keywords that are followed by a list of labels.
const LABEL_LIST_KEYWORDS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const OTHER_KEYWORDS: [&str; 2] = ["bool", "offset"];
const COMPARISONS: [&str; 6] = [">=", "<=", "==", "!=", ">", "<"];
const TWO_CHARACTER_SYMBOLS: [&str; 6] = [">=", "<=", "==", "!=", "=~", "!~"];

impl<'a> Expression<'a> {
    /// Parses an expression.
    pub fn parse(text: &'a str) -> Self {
        let (mut tokens, mut at) = (Vec::new(), 0);
        while let Some(first) = text[at..].chars().next() {
            if first.is_whitespace() {
                at += first.len_utf8();
                continue;
            }
            let (kind, length) = token(&text[at..], first);
            tokens.push(Token { kind, text: &text[at..at + length], at });
            at += length;
        }
        Self { text, tokens }
    }

    /// All selectors in the expression.
    pub fn selectors(&self) -> Vec<Selector<'a>> {
        let (mut selectors, mut at) = (Vec::new(), 0);
        while at < self.tokens.len() {
            let token = self.tokens[at];
            at += 1;
            if token.kind != TokenKind::Word || is_keyword(token.text) {
                if LABEL_LIST_KEYWORDS.contains(&token.text) && self.token_is(at, "(") {
                    at += self.list_length(at, ")");
                }
            } else if !self.token_is(at, "(") && !self.token_is(at, "by") && !self.token_is(at, "without") {
                let length = if self.token_is(at, "{") { self.list_length(at, "}") } else { 0 };
                let matchers = self.tokens[at..at + length].split(|token| token.text == ",");
                let matchers = matchers.filter_map(matcher).collect();
                selectors.push(Selector { metric: token.text, matchers });
                at += length;
            }
        }
        selectors
    }

    /// All labels outside selectors: those in `by (…)` and similar lists, and those created by `label_replace`.
    pub fn labels(&self) -> BTreeSet<&'a str> {
        let mut labels = BTreeSet::new();
        for keyword in LABEL_LIST_KEYWORDS {
            labels.extend(self.labels_after(keyword));
        }
        labels.extend(self.replaced_labels());
        labels
    }

    /// The labels of the result if the expression aggregates: those in `by (…)`.
    pub fn output_labels(&self) -> Option<BTreeSet<&'a str>> {
        let is_aggregated = self.tokens.iter().any(|token| AGGREGATIONS.contains(&token.text));
        is_aggregated.then(|| self.labels_after("by"))
    }

    /// The operands of `and`, `or` and `unless`, each without the comparison at its end. Without the comparison, they
    /// return values even if the alert does not fire.
    pub fn without_thresholds(&self) -> Vec<&'a str> {
        let (mut parts, mut depth, mut begin, mut end) = (Vec::new(), 0, 0, None);
        for token in &self.tokens {
            match token.text {
                "(" | "{" | "[" => depth += 1,
                ")" | "}" | "]" => depth -= 1,
                operator if depth == 0 && SET_OPERATORS.contains(&operator) => {
                    parts.push(self.text[begin..end.unwrap_or(token.at)].trim());
                    (begin, end) = (token.at + operator.len(), None);
                }
                comparison if depth == 0 && end.is_none() && COMPARISONS.contains(&comparison) => {
                    end = Some(token.at);
                }
                _ => {}
            }
        }
        parts.push(self.text[begin..end.unwrap_or(self.text.len())].trim());
        parts
    }

    /// Whether the token at this index is this text.
    fn token_is(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.text == text)
    }

    /// The number of tokens of the list that begins at this index, including its delimiters.
    fn list_length(&self, at: usize, end: &str) -> usize {
        1 + self.tokens[at..].iter().position(|token| token.text == end).expect("the list ends")
    }

    fn labels_after(&self, keyword: &str) -> BTreeSet<&'a str> {
        let lists =
            (0..self.tokens.len()).filter(|at| self.token_is(*at, keyword) && self.token_is(at + 1, "("));
        let tokens = lists.flat_map(|at| &self.tokens[at + 1..at + 1 + self.list_length(at + 1, ")")]);
        tokens.filter(|token| token.kind == TokenKind::Word).map(|token| token.text).collect()
    }

    /// The labels that `label_replace(…)` sets: the first quoted text in each call.
    fn replaced_labels(&self) -> impl Iterator<Item = &'a str> {
        let calls = (0..self.tokens.len()).filter(|at| self.token_is(*at, "label_replace"));
        let quoted = |at: usize| self.tokens[at..].iter().find(|token| token.kind == TokenKind::Quoted);
        calls.filter_map(quoted).map(|token| unquoted(token.text))
    }
}

fn is_keyword(word: &str) -> bool {
    SET_OPERATORS.contains(&word) || LABEL_LIST_KEYWORDS.contains(&word) || OTHER_KEYWORDS.contains(&word)
}

fn matcher<'a>(tokens: &[Token<'a>]) -> Option<Matcher<'a>> {
    let mut tokens = tokens.iter().filter(|token| !["{", "}"].contains(&token.text));
    let (label, operator, value) = (tokens.next()?, tokens.next()?, tokens.next()?);
    Some(Matcher { label: label.text, operator: operator.text, value: unquoted(value.text) })
}

/// The kind and the length of the token at the beginning of the text.
fn token(text: &str, first: char) -> (TokenKind, usize) {
    let length_while = |is_part: fn(char) -> bool| text.find(|c| !is_part(c)).unwrap_or(text.len());
    match first {
        '"' | '\'' => (TokenKind::Quoted, 2 + text[1..].find(first).expect("the quotation ends")),
        // A Grafana variable can appear in place of a duration.
        '0'..='9' | '.' | '$' => {
            (TokenKind::Number, 1 + text[1..].find(|c| !is_number_character(c)).unwrap_or(text.len() - 1))
        }
        _ if is_word_character(first) => (TokenKind::Word, length_while(is_word_character)),
        _ if TWO_CHARACTER_SYMBOLS.iter().any(|symbol| text.starts_with(symbol)) => (TokenKind::Symbol, 2),
        _ => (TokenKind::Symbol, first.len_utf8()),
    }
}

fn is_word_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

fn is_number_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.'
}

fn unquoted(text: &str) -> &str {
    &text[1..text.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_distinguished_from_functions_keywords_and_labels() {
        let expression = Expression::parse(
            r#"histogram_quantile(0.99, sum by (job, le) (rate(a_bucket{job=~"x|y", le!="1"}[5m]))) > 0.25
            and on (job) max without (le) (b:c offset 5m) or vector(0)"#,
        );
        let selectors = expression.selectors();
        assert_eq!(selectors.iter().map(|selector| selector.metric).collect::<Vec<_>>(), ["a_bucket", "b:c"]);
        let [job, le] = &selectors[0].matchers[..] else { panic!("{selectors:?}") };
        assert_eq!((job.label, job.operator, job.value), ("job", "=~", "x|y"));
        assert_eq!((le.label, le.operator, le.value), ("le", "!=", "1"));
        assert_eq!(expression.labels().into_iter().collect::<Vec<_>>(), ["job", "le"]);
    }

    #[test]
    fn an_aggregation_outputs_the_labels_of_by() {
        let labels = |text| Expression::parse(text).output_labels().map(Vec::from_iter);
        assert_eq!(labels("sum by (job) (a) or vector(0)"), Some(vec!["job"]));
        assert_eq!(labels("sum(rate(a[5m]))"), Some(vec![]));
        assert_eq!(labels("topk(3, max_over_time(a[5m])) / ignoring (state) b"), None);
    }

    #[test]
    fn label_replace_creates_a_label() {
        let expression = Expression::parse(r#"a or label_replace(vector(0), "job", "x", "", "")"#);
        assert_eq!(expression.labels().into_iter().collect::<Vec<_>>(), ["job"]);
    }

    #[test]
    fn thresholds_are_removed_but_nested_comparisons_stay() {
        let expression =
            Expression::parse("a / (b > 0) >= 0.9\n and rate(c[$__rate_interval]) * 3600 > 10 or d");
        assert_eq!(expression.without_thresholds(), ["a / (b > 0)", "rate(c[$__rate_interval]) * 3600", "d"]);
    }
}
