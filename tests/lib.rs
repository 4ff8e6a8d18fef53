//! The end-to-end tests live in `main.rs`; this empty library only makes the package valid.
