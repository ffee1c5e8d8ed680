//! What watches the system: nothing in it may name what is not there.

mod alerts;
mod names;
mod wiring;
