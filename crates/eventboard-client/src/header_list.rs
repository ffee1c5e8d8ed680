//! The size of a request's header list, as the replicas measure it.

use eventboard_chassis::grpc::{FIELD_OVERHEAD, header_bytes};
use http::{
    request::Parts,
    uri::{Authority, PathAndQuery},
};

/// The size of the header list, in bytes, including the pseudo-header fields.
pub(crate) fn header_list_bytes(head: &Parts) -> usize {
    let Parts { method, uri, headers, .. } = head;
    let pseudo_fields = [
        (":method", method.as_str()),
        (":scheme", uri.scheme_str().unwrap_or_default()),
        (":authority", uri.authority().map_or("", Authority::as_str)),
        (":path", uri.path_and_query().map_or("", PathAndQuery::as_str)),
    ];
    let pseudo_fields = pseudo_fields.iter().map(|(name, value)| name.len() + value.len() + FIELD_OVERHEAD);
    pseudo_fields.sum::<usize>() + header_bytes(headers)
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
