//! Tests of the providers: against BIND, and against stand-ins that answer as the documentation says.

mod bind;
mod canaries;
mod programs;
mod settings;
mod shapes;

mod signatures;
mod stand_in;

use crate::{Means, Provider, kind};
use base::{Clock, Secret, SystemClock};
use std::collections::BTreeMap;
use std::sync::Arc;

fn means(clock: Arc<dyn Clock>) -> Means {
    let client = outbound::Client::new(outbound::Options::default()).unwrap();
    Means { client, clock, programs: Some(std::env::temp_dir()) }
}

fn given(settings: &[(&str, &str)]) -> BTreeMap<String, Secret<String>> {
    settings.iter().map(|(name, value)| ((*name).to_owned(), Secret::new((*value).to_owned()))).collect()
}

fn built(name: &str, settings: &[(&str, &str)]) -> Box<dyn Provider> {
    built_at(name, settings, Arc::new(SystemClock))
}

fn built_at(name: &str, settings: &[(&str, &str)], clock: Arc<dyn Clock>) -> Box<dyn Provider> {
    kind(name).unwrap().build(&given(settings), &means(clock)).unwrap()
}
