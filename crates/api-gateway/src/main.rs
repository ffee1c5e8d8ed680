//! The binary `api-gateway`.

use std::process::ExitCode;

use api_gateway::{Config, NAME, run};
use eventboard_chassis::process::Service;

#[tokio::main]
async fn main() -> ExitCode {
    Service { name: NAME, from_env: Config::from_env, listen: |config: &Config| &config.listen, run }
        .main()
        .await
}
