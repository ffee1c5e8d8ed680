//! Runs a service as a process: environment → logs → bind → metrics → serve → drain.

use std::{future::Future, process::ExitCode};

use tokio::net::TcpListener;

use crate::{
    config::{self, Env, ListenConfig},
    metrics_endpoint::{self, MetricsConfig},
    server,
    shutdown::{Drain, Shutdown},
    stderr,
    telemetry::{self, TelemetryConfig},
};

/// The exit code for an invalid configuration.
const EXIT_INVALID_CONFIGURATION: u8 = 2;

/// A service that can run as a process.
pub struct Service<C, R> {
    /// The name in logs and in messages to operators.
    pub name: &'static str,
    /// Reads the settings of the service.
    pub from_env: fn(&mut Env) -> C,
    /// Returns the listen settings.
    pub listen: fn(&C) -> &ListenConfig,
    /// Serves until the shutdown.
    pub run: R,
}

impl<C, R, F> Service<C, R>
where
    R: FnOnce(C, TcpListener, Shutdown) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    /// Runs the service until SIGTERM or SIGINT. The exit code is 0 after a graceful shutdown, 2 for invalid
    /// settings, and 1 for any other error. The reason is printed as one line on stderr.
    pub async fn main(self) -> ExitCode {
        let name = self.name;
        let config = config::read(Env::of_service(), |env| {
            let (telemetry, metrics) = (TelemetryConfig::from_env(env), MetricsConfig::from_env(env));
            let config = (self.from_env)(env);
            if metrics.port != 0 && metrics.port == (self.listen)(&config).port {
                env.report_invalid("METRICS_PORT", "must not be the port of the service");
            }
            (telemetry, metrics, config)
        });
        let (telemetry, metrics, config) = match config {
            Ok(config) => config,
            Err(error) => {
                stderr::print(&format!("{name}: {error}"));
                return ExitCode::from(EXIT_INVALID_CONFIGURATION);
            }
        };
        match Box::pin(self.serve(telemetry, metrics, config)).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                stderr::print(&format!("{name}: {error:#}"));
                ExitCode::FAILURE
            }
        }
    }

    async fn serve(
        self,
        telemetry: TelemetryConfig,
        metrics: MetricsConfig,
        config: C,
    ) -> anyhow::Result<()> {
        // This guard is dropped last, so that the log lines of the shutdown are written.
        let _telemetry = telemetry::init(self.name, telemetry)?;
        let listen = (self.listen)(&config);
        let listener = server::bind(self.name, listen).await?;
        let shutdown = Shutdown::on_signal(Drain::of(listen))?;
        metrics_endpoint::serve(metrics, shutdown.clone()).await?;
        (self.run)(config, listener, shutdown).await
    }
}
