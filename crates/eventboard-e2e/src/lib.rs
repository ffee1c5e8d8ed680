//! Whole-stack tests. What they share stands in `tests/api/support`.
