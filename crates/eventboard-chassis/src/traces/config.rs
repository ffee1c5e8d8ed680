//! The settings of traces: the collector and the sampling ratio.

use http::Uri;

use crate::config::Env;

/// The settings of traces. The variables have the names that OpenTelemetry defines.
#[derive(Debug)]
pub struct TracesConfig {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: the collector, as `http://host:4317` (OTLP over gRPC). Default: none, so that
    /// nothing is traced.
    pub endpoint: Option<String>,
    /// `OTEL_TRACES_SAMPLER_ARG` (default 1): the fraction of requests that are traced, 0 to 1. It applies to
    /// requests whose caller sent no sampling decision.
    pub sampling_ratio: f64,
}

impl TracesConfig {
    /// Reads both variables.
    pub fn from_env(env: &mut Env) -> Self {
        Self {
            endpoint: endpoint(env, "OTEL_EXPORTER_OTLP_ENDPOINT"),
            sampling_ratio: env.ratio("OTEL_TRACES_SAMPLER_ARG", 1.0).into(),
        }
    }
}

fn endpoint(env: &mut Env, name: &str) -> Option<String> {
    let text = env.get(name)?;
    // A port is required, because the default would be 80. A password is rejected, because it would be logged.
    let is_collector = |uri: &Uri| {
        uri.scheme_str() == Some("http")
            && uri.port().is_some()
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
    };
    if !text.parse().as_ref().is_ok_and(is_collector) {
        env.report_invalid(name, "must be the URL of a collector, such as http://collector:4317");
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
    fn traces_are_off_unless_a_collector_is_configured() {
        assert_eq!(read("OTEL_EXPORTER_OTLP_ENDPOINT", "").map(|config| config.endpoint), Ok(None));
        let collector = "http://collector:4317";
        let config = read("OTEL_EXPORTER_OTLP_ENDPOINT", collector).expect("a URL");
        assert_eq!((config.endpoint.as_deref(), config.sampling_ratio), (Some(collector), 1.0));
    }

    #[test]
    fn an_invalid_collector_or_ratio_is_rejected() {
        for invalid in [
            "collector:4317",
            "grpc://collector:4317",
            "https://collector:4317",
            "http://",
            "http://collector",
            "http://me:secret@collector:4317",
            "not a URL",
        ] {
            assert!(read("OTEL_EXPORTER_OTLP_ENDPOINT", invalid).is_err(), "{invalid}");
        }
        for invalid in ["-0.1", "1.1", "all"] {
            assert!(read("OTEL_TRACES_SAMPLER_ARG", invalid).is_err(), "{invalid}");
        }
    }
}
