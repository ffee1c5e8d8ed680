//! The query in the address of a page.

use form_urlencoded::Serializer;

/// A path with those parameters that have a value.
pub(crate) fn with_query<'v>(path: &str, parameters: impl IntoIterator<Item = (&'v str, &'v str)>) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(parameters.into_iter().filter(|(_, value)| !value.is_empty()));
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_only_parameters_with_a_value() {
        assert_eq!(with_query("/board/members", [("search", ""), ("role", "")]), "/board/members");
        assert_eq!(
            with_query("/board/members", [("search", "a b&c"), ("role", ""), ("cursor", "x")]),
            "/board/members?search=a+b%26c&cursor=x"
        );
    }
}
