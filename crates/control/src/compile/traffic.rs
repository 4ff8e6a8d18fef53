//! What is done to requests and answers. The stored form of a feature is that of `proxy::spec::Traffic`; header
//! edits have columns of their own in a host and stand among the features in a location.

use super::{Fault, headers, stored};
use proxy::spec::Traffic;
use serde_json::{Map, Value};
use store::locations::Location;
use store::proxy_hosts::{HeaderEdit, HostValues};

/// Fields of a host, and of a location, that stand beside the traffic features in the API.
pub(super) const HEADERS: [&str; 2] = ["request_headers", "response_headers"];

pub(super) fn of_host(row: &HostValues) -> Result<Traffic, Fault> {
    if let Some(name) = HEADERS.into_iter().find(|name| row.traffic.contains_key(*name)) {
        let message = format!("its stored traffic.{name} stands beside the {name} of the host");
        return Err(Fault::new(message, "set the headers of the host again, and save"));
    }
    Ok(Traffic {
        request_headers: Some(headers::compile(&row.request_headers)),
        response_headers: Some(headers::compile(&row.response_headers)),
        ..stored(&row.traffic, "traffic")?
    })
}

pub(super) fn of_location(row: &Location) -> Result<Traffic, Fault> {
    let (edits, features): (Map<_, _>, Map<_, _>) =
        row.traffic.clone().into_iter().partition(|(name, _)| HEADERS.contains(&name.as_str()));
    let edits = |name: &str| match edits.get(name) {
        None => Ok(None),
        Some(list) => {
            let list: Vec<HeaderEdit> = super::read(list, name)?;
            Ok::<_, Fault>(Some(headers::compile(&list)))
        }
    };
    let [request_headers, response_headers] = HEADERS.map(edits);
    let features: Traffic = super::read(&Value::Object(features), "traffic")?;
    Ok(Traffic { request_headers: request_headers?, response_headers: response_headers?, ..features })
}
