//! The databases that tell countries and autonomous systems by address: read when they are named, and again when
//! their files change.

use super::state::{CrowdSec, GeoState};
use base::{Code, Problem};
use proxy::Geo;
use std::fs;
use std::sync::Arc;
use std::time::SystemTime;

/// What a file looked like when it was read.
type Stamp = (String, Option<(SystemTime, u64)>);

/// The files, as they were read last.
#[derive(Debug, Default)]
pub(super) struct GeoFiles {
    read: Vec<Stamp>,
}

impl GeoFiles {
    /// Reads the files when they are others, or have changed. What cannot be read leaves what was read before.
    pub(super) async fn look(&mut self, shared: &CrowdSec, paths: &[String]) {
        let stamps: Vec<Stamp> = paths.iter().map(|path| (path.clone(), stamp(path))).collect();
        if stamps == self.read {
            return;
        }
        let same_files = stamps.iter().map(|(path, _)| path).eq(self.read.iter().map(|(path, _)| path));
        self.read = stamps;
        if paths.is_empty() {
            shared.set_geo(None);
            shared.tell(|state| state.geo = GeoState::default());
            return;
        }
        let files = paths.to_vec();
        let read = tokio::task::spawn_blocking(move || read(&files)).await;
        let read = read.unwrap_or_else(|error| Err(error.to_string()));
        let now = shared.clock.now();
        match read {
            Ok(geo) => {
                let knows = geo.knows();
                tracing::info!("countries and autonomous systems are told by {}", paths.join(", "));
                shared.set_geo(Some(Arc::new(geo)));
                shared.tell(|state| {
                    state.geo = GeoState { loaded_at: Some(now), error: None, knows };
                });
            }
            Err(error) => {
                if !same_files {
                    shared.set_geo(None);
                    shared.tell(|state| state.geo = GeoState::default());
                }
                shared.tell(|state| state.geo.error = Some(error));
            }
        }
    }
}

/// What is wrong, for the board.
pub(super) fn problem(state: &GeoState) -> Option<Problem> {
    let error = state.error.as_ref()?;
    let kept = if state.loaded_at.is_some() { "; what was read before goes on being used" } else { "" };
    let message = format!("the database of countries and networks {error}{kept}");
    let remedy =
        "put a whole file there, or correct its path on the page Security; it is read again by itself";
    Some(Problem::new(Code::GeoDatabaseUnusable, message, remedy).link("/security"))
}

fn stamp(path: &str) -> Option<(SystemTime, u64)> {
    let facts = fs::metadata(path).ok()?;
    Some((facts.modified().ok()?, facts.len()))
}

/// Blocks.
fn read(paths: &[String]) -> Result<Geo, String> {
    let mut geo = Geo::default();
    for path in paths {
        let content = fs::read(path).map_err(|error| format!("{path} cannot be read: {error}"))?;
        geo.add(content).map_err(|reason| format!("{path} {reason}"))?;
    }
    Ok(geo)
}
