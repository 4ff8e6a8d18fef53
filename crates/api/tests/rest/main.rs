//! The API in process, over a real SQLite file and with engines that apply at once. Every answer of every test
//! is checked against the OpenAPI document: its status and its content type must stand there.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails, in its tools too")]

mod accounts;
mod certificates;
mod document;
mod engines;
mod guard;
mod hosts;
mod live;
mod login;
mod roles;
mod server;
mod tokens;
