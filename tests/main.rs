//! End-to-end tests: one binary that drives the real executable, as a person, a client and a crash would.
//! To add some: a file beside this one and a line below.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails by panic")]
#![allow(clippy::print_stderr, reason = "figures and outputs of children are shown by the test runner")]

mod acme;
mod acme_answers;
mod acme_clock;
mod acme_faults;
mod architecture;
mod bad_host;
mod binary_upgrade;
mod browser;
mod captcha_providers;
mod certificates;
mod change_under_load;
mod client_tls;
mod clock_jumps;
mod commands;
mod console;
mod corrupt_database;
mod crowdsec;
mod crowdsec_appsec;
mod crowdsec_console;
mod crowdsec_decisions;
mod crowdsec_enforcing;
mod crowdsec_external;
mod crowdsec_files;
mod crowdsec_hub;
mod crowdsec_links;
mod crowdsec_scenarios;
mod crowdsec_soak;
mod dns_proofs;
mod docs;
mod features;
mod hosts;
mod http3;
mod kill;
mod load;
mod main_job;
mod memory;
mod metrics;
mod postgres;
mod rehearsal;
mod scale;
mod scarcity;
mod signals;
mod soak;
mod sqlite;
mod start;
mod storage_faults;
mod upgrade;
