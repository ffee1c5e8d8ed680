//! Where traces are sent, and how many.

use http::Uri;

use crate::config::Env;

/// The settings, by the names that OpenTelemetry gives them.
#[derive(Debug)]
pub struct TracesConfig {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: the collector, as `http://host:4317` (OTLP over gRPC). Default: none, and no traces.
    pub endpoint: Option<String>,
    /// `OTEL_TRACES_SAMPLER_ARG` (default 1): the share of requests that are traced, 0 to 1, of those whose caller has
    /// not decided already.
    pub share: f64,
}

impl TracesConfig {
    /// Reads both variables.
    pub fn from_env(env: &mut Env) -> Self {
        Self {
            endpoint: endpoint(env, "OTEL_EXPORTER_OTLP_ENDPOINT"),
            share: env.share("OTEL_TRACES_SAMPLER_ARG", 1.0).into(),
        }
    }
}

fn endpoint(env: &mut Env, name: &str) -> Option<String> {
    let text = env.get(name)?;
    // Without a port it would be 80, and a password would stand in the log.
    let is_url = |uri: &Uri| {
        uri.scheme_str() == Some("http")
            && uri.port().is_some()
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
    };
    if !text.parse().as_ref().is_ok_and(is_url) {
        env.fault(name, "must be the URL of a collector, such as http://collector:4317");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<TracesConfig, String> {
        let mut env: Env = [(name.to_owned(), value.to_owned())].into_iter().collect();
        let config = TracesConfig::from_env(&mut env);
        env.finish().map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn traces_are_off_unless_a_collector_is_named() {
        assert_eq!(read("OTEL_EXPORTER_OTLP_ENDPOINT", "").map(|config| config.endpoint), Ok(None));
        let collector = "http://collector:4317";
        let config = read("OTEL_EXPORTER_OTLP_ENDPOINT", collector).expect("a URL");
        assert_eq!((config.endpoint.as_deref(), config.share), (Some(collector), 1.0));
    }

    #[test]
    fn what_is_no_collector_or_no_share_is_refused() {
        for bad in [
            "collector:4317",
            "grpc://collector:4317",
            "https://collector:4317",
            "http://",
            "http://collector",
            "http://me:secret@collector:4317",
            "nonsense here",
        ] {
            assert!(read("OTEL_EXPORTER_OTLP_ENDPOINT", bad).is_err(), "{bad}");
        }
        for bad in ["-0.1", "1.1", "all"] {
            assert!(read("OTEL_TRACES_SAMPLER_ARG", bad).is_err(), "{bad}");
        }
    }
}
