//! Namecheap (namecheap.com/support/api/methods/): its API knows all records of a domain or none, so that each change
//! reads them all and writes them all back.

use crate::DnsError;
use crate::http::Http;
use crate::provider::{Change, Entry, Records, Zone, longest};
use crate::schema::{Field, FieldError, FieldKind, Kind, Settings};
use crate::text::{attributes, elements, query};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

pub(super) const KIND: Kind = Kind {
    name: "namecheap",
    label: "Namecheap",
    fields: &[
        Field::required("user", "User name", FieldKind::Text, "That of your Namecheap account."),
        Field::required("api_key", "API key", FieldKind::Secret, "Profile, Tools, API Access."),
        Field::required(
            "client_ip",
            "Own IPv4 address",
            FieldKind::Text,
            "The public address of this machine; it must stand on the whitelist under API Access.",
        ),
        Field::endpoint("https://api.namecheap.com/xml.response"),
    ],
    one_value: false,
    note: "The API can only write all records of a domain at once: Charon reads them all, changes one and writes them back. Do not edit records there while a certificate is ordered.",
    build: |settings, means| {
        if settings.get("client_ip").parse::<Ipv4Addr>().is_err() {
            let reason = "is not an IPv4 address such as 203.0.113.7".to_owned();
            return Err(FieldError { field: "client_ip".to_owned(), reason });
        }
        Ok(Namecheap { http: Http::new(settings, means), settings: settings.clone() }.boxed())
    },
};

/// Seconds.
const TTL: &str = "60";

#[derive(Debug)]
struct Namecheap {
    http: Http,
    settings: Settings,
}

/// A record as the API has it.
type Host = BTreeMap<String, String>;

impl Namecheap {
    async fn ask(&self, command: &str, more: &[(&str, &str)]) -> Result<String, DnsError> {
        let command = format!("namecheap.domains.{command}");
        let user = self.settings.get("user");
        let mut pairs = vec![
            ("ApiUser", user),
            ("UserName", user),
            ("ApiKey", self.settings.get("api_key")),
            ("ClientIp", self.settings.get("client_ip")),
            ("Command", command.as_str()),
        ];
        pairs.extend(more);
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let reply = self.http.call("POST", &self.settings.url("endpoint"), &form, query(&pairs)).await?;
        let xml = reply.text();
        let answer = attributes(&xml, "ApiResponse")?.pop().unwrap_or_default();
        match answer.get("Status").map(String::as_str) {
            Some("OK") => return Ok(xml),
            Some("ERROR") => {}
            _ => return Err(DnsError::malformed("it is not an answer of its API")),
        }
        let number = attributes(&xml, "Error")?.pop().and_then(|error| error.get("Number").cloned());
        let said = xml.split_once("<Error ").and_then(|(_, rest)| rest.split_once('>'));
        let said = said.map_or("", |(_, rest)| rest.split("</Error>").next().unwrap_or_default());
        let reason = self.http.words(said, None, &[]);
        Err(match number.as_deref() {
            // The key, the user, or the address that is not on the whitelist.
            Some("1011102" | "1011150" | "1010102" | "1010101" | "1030408" | "1050900") => {
                DnsError::Refused { reason }
            }
            _ => DnsError::failed(reason),
        })
    }

    /// All records of a domain, and how it handles mail.
    async fn hosts(&self, zone: &Zone) -> Result<(String, Vec<Host>), DnsError> {
        let (sld, tld) = parts(zone)?;
        let xml = self.ask("dns.getHosts", &[("SLD", sld), ("TLD", tld)]).await?;
        let result = attributes(&xml, "DomainDNSGetHostsResult")?.pop();
        let result = result.ok_or_else(|| DnsError::malformed("DomainDNSGetHostsResult is missing"))?;
        if result.get("IsUsingOurDNS").is_some_and(|ours| ours != "true") {
            return Err(DnsError::failed(format!("{} is not served by Namecheap's name servers", zone.name)));
        }
        let hosts = attributes(&xml, "host")?;
        // What was not understood would be lost when all are written back.
        if hosts.iter().any(|host| ["Name", "Type", "Address"].iter().any(|part| !host.contains_key(*part))) {
            return Err(DnsError::malformed("a record has no name, type or address"));
        }
        Ok((result.get("EmailType").cloned().unwrap_or_default(), hosts))
    }
}

fn parts(zone: &Zone) -> Result<(&str, &str), DnsError> {
    zone.name.split_once('.').ok_or_else(|| DnsError::malformed("a domain without a dot"))
}

fn is_text_at(host: &Host, name: &str) -> bool {
    host["Type"] == "TXT" && host["Name"].eq_ignore_ascii_case(name)
}

impl Records for Namecheap {
    async fn zone(&self, record: &str) -> Result<Zone, DnsError> {
        const PAGE: usize = 100;
        let mut zones = Vec::new();
        for page in 1..=100 {
            let page = page.to_string();
            let xml = self.ask("getList", &[("PageSize", "100"), ("Page", &page)]).await?;
            let rows = attributes(&xml, "Domain")?;
            zones.extend(rows.iter().filter_map(|row| Some(Zone::new("", row.get("Name")?))));
            let total = elements(&xml, "TotalItems").pop().and_then(|total| total.parse::<usize>().ok());
            if rows.len() < PAGE || total.is_some_and(|total| zones.len() >= total) {
                break;
            }
        }
        longest(record, zones)
    }

    async fn list(&self, zone: &Zone, record: &str) -> Result<Vec<Entry>, DnsError> {
        let (_, hosts) = self.hosts(zone).await?;
        let at_name = hosts.iter().filter(|host| is_text_at(host, zone.within(record)));
        Ok(at_name.map(|host| Entry::of(&host["Address"])).collect())
    }

    async fn change(
        &self,
        zone: &Zone,
        record: &str,
        _: &[Entry],
        change: Change<'_>,
    ) -> Result<(), DnsError> {
        let (mail, mut hosts) = self.hosts(zone).await?;
        let name = zone.within(record);
        match change {
            Change::Add(value) => hosts.push(
                [("Name", name), ("Type", "TXT"), ("Address", value), ("TTL", TTL)]
                    .into_iter()
                    .map(|(part, value)| (part.to_owned(), value.to_owned()))
                    .collect(),
            ),
            Change::Remove(entry) => {
                hosts.retain(|host| {
                    !(is_text_at(host, name) && Entry::of(&host["Address"]).value == entry.value)
                });
            }
        }
        let (sld, tld) = parts(zone)?;
        let mut pairs = vec![("SLD".to_owned(), sld), ("TLD".to_owned(), tld)];
        if !mail.is_empty() {
            pairs.push(("EmailType".to_owned(), &mail));
        }
        for (number, host) in (1..).zip(&hosts) {
            for (there, here) in [
                ("HostName", "Name"),
                ("RecordType", "Type"),
                ("Address", "Address"),
                ("MXPref", "MXPref"),
                ("TTL", "TTL"),
            ] {
                if let Some(value) = host.get(here) {
                    pairs.push((format!("{there}{number}"), value));
                }
            }
        }
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let xml = self.ask("dns.setHosts", &pairs).await?;
        let done = attributes(&xml, "DomainDNSSetHostsResult")?.pop().unwrap_or_default();
        match done.get("IsSuccess").map(String::as_str) {
            Some("true") => Ok(()),
            _ => Err(DnsError::malformed("it does not confirm the change")),
        }
    }
}
