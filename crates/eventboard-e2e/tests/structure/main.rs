//! Checks the architecture within crates: no dependency cycles between modules, and only certain modules use certain
//! libraries. `deny.toml` restricts the dependencies between crates. The sources are parsed, not run.

mod analyzer;
mod architecture;
mod cycles;
mod dependencies;
mod modules;
mod references;
mod workspace;
