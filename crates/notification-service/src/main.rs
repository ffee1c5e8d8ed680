//! The binary `notification-service`.

use std::process::ExitCode;

use eventboard_chassis::process::Service;
use notification_service::{Config, NAME, run};

#[tokio::main]
async fn main() -> ExitCode {
    Service { name: NAME, from_env: Config::from_env, listen: |config: &Config| &config.listen, run }
        .main()
        .await
}
