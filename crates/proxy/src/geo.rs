//! Where an address is at home: its country and its autonomous system, from databases in MaxMind's format
//! (<https://maxmind.github.io/MaxMind-DB/>). Read whole by the control side and asked by requests.

use maxminddb::{PathElement, Reader, WithinOptions};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// Two letters of ISO 3166-1, in upper case.
pub type Country = [u8; 2];

const COUNTRY: [PathElement<'static>; 2] = [PathElement::Key("country"), PathElement::Key("iso_code")];
const SYSTEM: [PathElement<'static>; 1] = [PathElement::Key("autonomous_system_number")];

/// One or several databases. The first that knows an answer gives it.
#[derive(Default)]
pub struct Geo {
    countries: Vec<Reader<Vec<u8>>>,
    systems: Vec<Reader<Vec<u8>>>,
}

impl fmt::Debug for Geo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (countries, systems) = (self.countries.len(), self.systems.len());
        f.debug_struct("Geo").field("countries", &countries).field("systems", &systems).finish()
    }
}

/// The kinds of decisions that databases make enforceable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Knows {
    /// Countries of addresses.
    pub countries: bool,
    /// Autonomous systems of addresses.
    pub systems: bool,
}

impl Geo {
    /// Takes the content of one more database in. Looks through all of it, which takes its time.
    ///
    /// # Errors
    /// A sentence part when it is damaged, or knows neither countries nor autonomous systems.
    pub fn add(&mut self, content: Vec<u8>) -> Result<(), String> {
        let reader = Reader::from_source(content).map_err(|error| format!("is no such database: {error}"))?;
        let kind = reader.metadata().database_type.to_ascii_lowercase();
        if ["country", "city", "enterprise"].iter().any(|word| kind.contains(word)) {
            look_through::<&str>(&reader, &COUNTRY)?;
            self.countries.push(reader);
        } else if ["asn", "isp"].iter().any(|word| kind.contains(word)) {
            look_through::<u32>(&reader, &SYSTEM)?;
            self.systems.push(reader);
        } else {
            return Err(format!(
                "knows neither countries nor autonomous systems: its type is '{}'",
                reader.metadata().database_type
            ));
        }
        Ok(())
    }

    /// What it can tell.
    pub fn knows(&self) -> Knows {
        Knows { countries: !self.countries.is_empty(), systems: !self.systems.is_empty() }
    }

    /// The country of an address.
    pub fn country(&self, address: IpAddr) -> Option<Country> {
        self.countries.iter().find_map(|reader| {
            let code: &str = reader.lookup(address).ok()?.decode_path(&COUNTRY).ok()??;
            code.as_bytes().try_into().ok()
        })
    }

    /// The number of the autonomous system of an address.
    pub fn system(&self, address: IpAddr) -> Option<u32> {
        self.systems.iter().find_map(|reader| reader.lookup(address).ok()?.decode_path(&SYSTEM).ok()?)
    }
}

/// Reads every record as requests will, so that a damaged one is found now.
fn look_through<'a, T: Deserialize<'a>>(
    reader: &'a Reader<Vec<u8>>,
    path: &[PathElement<'_>],
) -> Result<(), String> {
    let damaged = |error| format!("is damaged: {error}");
    for network in reader.networks(WithinOptions::default()).map_err(damaged)? {
        network.and_then(|network| network.decode_path::<T>(path)).map_err(damaged)?;
    }
    Ok(())
}
