//! The architecture within crates: no circle of modules, and who names which library. `deny.toml` holds what is between
//! crates. The sources are read, not run.

mod analyzer;
mod architecture;
mod arrows;
mod circles;
mod modules;
mod names;
mod workspace;
