//! Runs the code blocks of the runbook.

use std::time::Duration;

use crate::{
    document::{Block, Kind},
    installation::Installation,
    report::Report,
};

/// How long a block of the kind `follows` runs before it is interrupted.
const FOLLOW_DURATION: Duration = Duration::from_secs(6);

/// Runs the blocks for the development stack, in order.
pub(crate) async fn development_rows(report: &mut Report, installation: &Installation) {
    for block in installation.runbook().iter().filter(|block| block.kind != Kind::Production) {
        report.row(&block.name(), run(installation, block)).await;
    }
}

/// Runs a block. Then waits until the system is healthy, unless the block stops the system.
pub(crate) async fn run(installation: &Installation, block: &Block) -> String {
    let limit = (block.kind == Kind::Follows).then_some(FOLLOW_DURATION);
    let result = installation.on_terminal(&block.lines, limit).await;
    if block.kind == Kind::Follows {
        assert_eq!(result.code, Some(124), "it ended before it was interrupted: {}", result.output);
        assert!(
            result.output.contains(r#""process":"#),
            "the output contains no line of a service: {}",
            result.output
        );
    } else {
        result.success();
    }
    if matches!(block.kind, Kind::Plain | Kind::Follows) {
        installation.wait_until_healthy().await;
    }
    String::new()
}
