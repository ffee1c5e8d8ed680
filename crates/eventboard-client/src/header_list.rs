//! The size of a request's header list, as the replicas measure it.

use http::{
    request::Parts,
    uri::{Authority, PathAndQuery},
};

/// The bytes that each field counts in addition to its name and value (RFC 9113, section 6.5.2).
const FIELD_OVERHEAD: usize = 32;

/// The size of the header list, in bytes, including the pseudo-header fields.
pub(crate) fn header_list_bytes(head: &Parts) -> usize {
    let Parts { method, uri, headers, .. } = head;
    let pseudo_fields = [
        (":method", method.as_str()),
        (":scheme", uri.scheme_str().unwrap_or_default()),
        (":authority", uri.authority().map_or("", Authority::as_str)),
        (":path", uri.path_and_query().map_or("", PathAndQuery::as_str)),
    ];
    let pseudo_fields = pseudo_fields.iter().map(|(name, value)| name.len() + value.len());
    let fields = headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    pseudo_fields.chain(fields).map(|bytes| bytes + FIELD_OVERHEAD).sum()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn every_field_counts_its_name_its_value_and_32_bytes() {
        let bytes = |request: http::request::Builder| {
            header_list_bytes(&request.body(()).expect("a request").into_parts().0)
        };
        let request = || Request::post("http://10.0.0.7:3002/a.Service/Method");
        let pseudo_fields = (7 + 4) + (7 + 4) + (10 + 13) + (5 + 17) + 4 * 32;
        assert_eq!(bytes(request()), pseudo_fields);
        let repeated = request().header("x-a", "12345").header("x-a", "");
        assert_eq!(bytes(repeated), pseudo_fields + (3 + 5 + 32) + (3 + 32));
    }
}
