//! Running the blocks of RUNBOOK.md.

use std::time::Duration;

use crate::{
    document::{Block, Kind},
    installation::Installation,
    report::Report,
};

/// How long a command that follows something is let run.
const FOLLOWED: Duration = Duration::from_secs(6);

/// Runs the blocks about the development stack, in their order.
pub(crate) async fn development_rows(report: &mut Report, installation: &Installation) {
    for block in installation.runbook().iter().filter(|block| block.kind != Kind::Production) {
        report.row(&block.name(), run(installation, block)).await;
    }
}

/// Runs a block, and waits until the system is as it shall be afterwards.
pub(crate) async fn run(installation: &Installation, block: &Block) -> String {
    let limit = (block.kind == Kind::Follows).then_some(FOLLOWED);
    let ending = installation.on_terminal(&block.lines, limit).await;
    if block.kind == Kind::Follows {
        assert_eq!(ending.code, Some(124), "it ended by itself: {}", ending.text);
        assert!(
            ending.text.contains(r#""process":"#),
            "there is no line of a service in it: {}",
            ending.text
        );
    } else {
        ending.success();
    }
    if matches!(block.kind, Kind::Plain | Kind::Follows) {
        installation.until_healthy().await;
    }
    String::new()
}
