//! End-to-end tests: one binary that drives the real executable.
