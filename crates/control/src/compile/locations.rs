//! Paths with upstreams of their own. A location that cannot be served leaves the whole host out: its requests
//! would otherwise go to the wrong place without a word.

use super::{Fault, traffic, upstream};
use proxy::spec;
use store::locations::Location;

pub(super) fn compile(
    rows: &[Location],
    shared: &mut upstream::Shared<'_>,
) -> Result<Vec<spec::Location>, Fault> {
    let mut locations: Vec<spec::Location> = Vec::with_capacity(rows.len());
    for row in rows {
        let in_location =
            |fault: Fault| Fault::new(format!("location {}: {}", row.path, fault.message), fault.remedy);
        if !row.path.starts_with('/') {
            let fault = Fault::new("its path does not start with /", "correct the path of the location");
            return Err(in_location(fault));
        }
        if locations.iter().any(|known| known.path == row.path) {
            return Err(in_location(Fault::new("its path stands twice", "remove one of the two locations")));
        }
        let upstream = upstream::compile(row.into(), shared).map_err(in_location)?;
        let traffic = traffic::of_location(row).map_err(in_location)?;
        locations.push(spec::Location { path: row.path.clone(), upstream, traffic });
    }
    Ok(locations)
}
