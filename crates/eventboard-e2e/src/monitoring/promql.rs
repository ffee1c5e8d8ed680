//! As much of PromQL as it takes to see which metrics and labels an expression names, and to take its thresholds away.

use std::collections::BTreeSet;

/// An expression.
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
    /// What their labels must be.
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
enum Kind {
    Word,
    Quoted,
    Number,
    Symbol,
}

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    /// Where it begins.
    at: usize,
}

/// Those that make one series of several; `topk` does not.
const AGGREGATIONS: [&str; 5] = ["sum", "min", "max", "avg", "count"];
const SETS: [&str; 3] = ["and", "or", "unless"];
const BEFORE_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const OTHER_KEYWORDS: [&str; 2] = ["bool", "offset"];
const COMPARISONS: [&str; 6] = [">=", "<=", "==", "!=", ">", "<"];
const TWO_LETTERS: [&str; 6] = [">=", "<=", "==", "!=", "=~", "!~"];

impl<'a> Expression<'a> {
    /// Takes it apart.
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

    /// Every selector in it.
    pub fn selectors(&self) -> Vec<Selector<'a>> {
        let (mut selectors, mut at) = (Vec::new(), 0);
        while at < self.tokens.len() {
            let token = self.tokens[at];
            at += 1;
            if token.kind != Kind::Word || is_keyword(token.text) {
                if BEFORE_LABELS.contains(&token.text) && self.is(at, "(") {
                    at += self.list_length(at, ")");
                }
            } else if !self.is(at, "(") && !self.is(at, "by") && !self.is(at, "without") {
                let length = if self.is(at, "{") { self.list_length(at, "}") } else { 0 };
                let matchers = self.tokens[at..at + length].split(|token| token.text == ",");
                let matchers = matchers.filter_map(matcher).collect();
                selectors.push(Selector { metric: token.text, matchers });
                at += length;
            }
        }
        selectors
    }

    /// Every label that is named beside the selectors: in `by (…)` and its like, and as what `label_replace` makes.
    pub fn labels(&self) -> BTreeSet<&'a str> {
        let mut labels = BTreeSet::new();
        for keyword in BEFORE_LABELS {
            labels.extend(self.labels_after(keyword));
        }
        labels.extend(self.made_labels());
        labels
    }

    /// The labels of the outcome, if it is aggregated: those in `by (…)`.
    pub fn kept_labels(&self) -> Option<BTreeSet<&'a str>> {
        let is_aggregated = self.tokens.iter().any(|token| AGGREGATIONS.contains(&token.text));
        is_aggregated.then(|| self.labels_after("by"))
    }

    /// Its parts between `and`, `or` and `unless`, each without the comparison at its end: what an alert looks at, whether
    /// it fires or not.
    pub fn without_thresholds(&self) -> Vec<&'a str> {
        let (mut parts, mut depth, mut begin, mut end) = (Vec::new(), 0, 0, None);
        for token in &self.tokens {
            match token.text {
                "(" | "{" | "[" => depth += 1,
                ")" | "}" | "]" => depth -= 1,
                set if depth == 0 && SETS.contains(&set) => {
                    parts.push(self.text[begin..end.unwrap_or(token.at)].trim());
                    (begin, end) = (token.at + set.len(), None);
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

    fn is(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.text == text)
    }

    /// The number of tokens of a list that begins there, with both its ends.
    fn list_length(&self, at: usize, end: &str) -> usize {
        1 + self.tokens[at..].iter().position(|token| token.text == end).expect("the list ends")
    }

    fn labels_after(&self, keyword: &str) -> BTreeSet<&'a str> {
        let lists = (0..self.tokens.len()).filter(|at| self.is(*at, keyword) && self.is(at + 1, "("));
        let tokens = lists.flat_map(|at| &self.tokens[at + 1..at + 1 + self.list_length(at + 1, ")")]);
        tokens.filter(|token| token.kind == Kind::Word).map(|token| token.text).collect()
    }

    /// The second argument of `label_replace(…)`: the first word in quotes behind it.
    fn made_labels(&self) -> impl Iterator<Item = &'a str> {
        let calls = (0..self.tokens.len()).filter(|at| self.is(*at, "label_replace"));
        let quoted = |at: usize| self.tokens[at..].iter().find(|token| token.kind == Kind::Quoted);
        calls.filter_map(quoted).map(|token| unquoted(token.text))
    }
}

fn is_keyword(word: &str) -> bool {
    SETS.contains(&word) || BEFORE_LABELS.contains(&word) || OTHER_KEYWORDS.contains(&word)
}

fn matcher<'a>(tokens: &[Token<'a>]) -> Option<Matcher<'a>> {
    let mut tokens = tokens.iter().filter(|token| !["{", "}"].contains(&token.text));
    let (label, operator, value) = (tokens.next()?, tokens.next()?, tokens.next()?);
    Some(Matcher { label: label.text, operator: operator.text, value: unquoted(value.text) })
}

/// The kind and the length of the token at the beginning of the text.
fn token(text: &str, first: char) -> (Kind, usize) {
    let while_it = |is_part: fn(char) -> bool| text.find(|c| !is_part(c)).unwrap_or(text.len());
    match first {
        '"' | '\'' => (Kind::Quoted, 2 + text[1..].find(first).expect("the quotation ends")),
        // Grafana's variables stand where durations do.
        '0'..='9' | '.' | '$' => {
            (Kind::Number, 1 + text[1..].find(|c| !is_of_number(c)).unwrap_or(text.len() - 1))
        }
        _ if is_of_word(first) => (Kind::Word, while_it(is_of_word)),
        _ if TWO_LETTERS.iter().any(|symbol| text.starts_with(symbol)) => (Kind::Symbol, 2),
        _ => (Kind::Symbol, first.len_utf8()),
    }
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

fn is_of_number(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.'
}

fn unquoted(text: &str) -> &str {
    &text[1..text.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_told_from_functions_keywords_and_labels() {
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
    fn the_outcome_keeps_the_labels_of_by() {
        let kept = |text| Expression::parse(text).kept_labels().map(Vec::from_iter);
        assert_eq!(kept("sum by (job) (a) or vector(0)"), Some(vec!["job"]));
        assert_eq!(kept("sum(rate(a[5m]))"), Some(vec![]));
        assert_eq!(kept("topk(3, max_over_time(a[5m])) / ignoring (state) b"), None);
    }

    #[test]
    fn label_replace_makes_a_label() {
        let expression = Expression::parse(r#"a or label_replace(vector(0), "job", "x", "", "")"#);
        assert_eq!(expression.labels().into_iter().collect::<Vec<_>>(), ["job"]);
    }

    #[test]
    fn thresholds_go_and_comparisons_inside_stay() {
        let expression =
            Expression::parse("a / (b > 0) >= 0.9\n and rate(c[$__rate_interval]) * 3600 > 10 or d");
        assert_eq!(expression.without_thresholds(), ["a / (b > 0)", "rate(c[$__rate_interval]) * 3600", "d"]);
    }
}
