//! The operations that ignore the token, from the OpenAPI document.

use http::Method;
use matchit::{InsertError, Router};
use utoipa::openapi::{OpenApi, PathItem};

/// The operations without a security requirement: those with an `AnonymousCaller`, and the documentation.
pub(crate) struct PublicOperations {
    /// The public methods of every path. axum uses the same router, so a request matches the path whose handler
    /// serves it.
    methods: Router<Vec<Method>>,
}

impl PublicOperations {
    /// Finds the operations in the document, and adds the paths of public files, which it does not contain.
    ///
    /// # Errors
    /// When the paths contradict each other.
    pub(crate) fn of(document: &OpenApi, files: &[&str]) -> Result<Self, InsertError> {
        let mut methods = Router::new();
        for (path, item) in &document.paths.paths {
            methods.insert(path, public_methods(item))?;
        }
        for path in files {
            methods.insert(*path, vec![Method::GET])?;
        }
        Ok(Self { methods })
    }

    /// Whether a request with this method and path is served by a public operation.
    pub(crate) fn contains(&self, method: &Method, path: &str) -> bool {
        // axum serves HEAD with the handler of GET.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.methods.at(path).is_ok_and(|found| found.value.contains(method))
    }
}

fn public_methods(item: &PathItem) -> Vec<Method> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    let operations = [
        (Method::GET, get),
        (Method::PUT, put),
        (Method::POST, post),
        (Method::DELETE, delete),
        (Method::OPTIONS, options),
        (Method::HEAD, head),
        (Method::PATCH, patch),
        (Method::TRACE, trace),
    ];
    let public = operations
        .into_iter()
        .filter(|(_, operation)| operation.as_ref().is_some_and(|operation| operation.security.is_none()));
    public.map(|(method, _)| method).collect()
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::{
        HttpMethod, OpenApiBuilder, PathsBuilder,
        path::{OperationBuilder, PathItem},
        security::SecurityRequirement,
    };

    use super::*;

    fn operation(method: HttpMethod, requires_token: bool) -> PathItem {
        let requirement = SecurityRequirement::new("bearer", [] as [&str; 0]);
        let operation = OperationBuilder::new();
        PathItem::new(method, if requires_token { operation.security(requirement) } else { operation })
    }

    #[test]
    fn a_request_is_matched_with_the_operation_that_serves_it() {
        let paths = PathsBuilder::new()
            .path("/calendars/{secret}", operation(HttpMethod::Get, false))
            .path("/calendars/mine", operation(HttpMethod::Get, true))
            .path("/auth/login", operation(HttpMethod::Post, false));
        let document = OpenApiBuilder::new().paths(paths).build();
        let operations = PublicOperations::of(&document, &["/docs/{*file}"]).expect("consistent paths");
        for (method, path, is_public) in [
            (Method::POST, "/auth/login", true),
            (Method::GET, "/auth/login", false),
            (Method::POST, "/auth/login/", false),
            (Method::GET, "/calendars/abc", true),
            (Method::HEAD, "/calendars/abc", true),
            (Method::GET, "/calendars/mine", false),
            (Method::GET, "/calendars/abc/def", false),
            (Method::GET, "/docs/a/b.css", true),
            (Method::GET, "/docs", false),
        ] {
            assert_eq!(operations.contains(&method, path), is_public, "{method} {path}");
        }
    }
}
