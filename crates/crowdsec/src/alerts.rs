//! Why somebody was banned: the alerts that the agent has kept, with the requests that led to them.

use crate::decisions::Decision;
use crate::lapi::{Credentials, Lapi, LapiError, escape, parse};
use base::Timestamp;
use http::Method;
use serde::{Deserialize, Deserializer};

/// What the agent has found. Fields that we do not know are ignored.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Alert {
    /// LAPI's id.
    pub id: i64,
    /// When it was stored, as LAPI writes it; see [`Alert::time`].
    pub created_at: String,
    /// What it looked like.
    pub scenario: String,
    /// The same as a sentence.
    pub message: String,
    /// How many requests led to it; [`Alert::events`] may be fewer.
    pub events_count: i64,
    /// Who found it.
    pub machine_id: String,
    /// Whom it is about.
    pub source: Source,
    /// What was decided, as far as it holds.
    #[serde(deserialize_with = "nullable")]
    pub decisions: Vec<Decision>,
    /// The requests that led to it.
    #[serde(deserialize_with = "nullable")]
    pub events: Vec<Event>,
}

/// Whom an alert is about.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Source {
    /// `Ip`, `Range`, `Country`, `AS` ...
    pub scope: String,
    /// The address, the network ...
    pub value: String,
    /// Country, where the agent knows it.
    pub cn: String,
    /// Name of the autonomous system, where the agent knows it.
    pub as_name: String,
}

/// One request that led to an alert.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Event {
    /// When, as the agent writes it; see [`Event::time`].
    pub timestamp: String,
    /// What is known of it, by name.
    #[serde(deserialize_with = "nullable")]
    pub meta: Vec<Meta>,
}

/// A fact about a request.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Meta {
    /// `http_path`, `http_status` ...
    pub key: String,
    /// Its value.
    pub value: String,
}

fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

impl Alert {
    /// When it was stored.
    pub fn time(&self) -> Option<Timestamp> {
        go_time(&self.created_at)
    }
}

impl Event {
    /// When it was.
    pub fn time(&self) -> Option<Timestamp> {
        go_time(&self.timestamp)
    }

    /// The fact of this name; empty when there is none.
    pub fn fact(&self, name: &str) -> &str {
        self.meta.iter().find(|meta| meta.key == name).map_or("", |meta| &meta.value)
    }
}

/// A moment as RFC 3339 has it, or as Go prints one: `2026-11-22 14:50:50.887696542 +0000 UTC`.
fn go_time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = Timestamp::parse(text) {
        return Some(time);
    }
    let mut parts = text.split(' ');
    let (day, time, zone) = (parts.next()?, parts.next()?, parts.next()?);
    let (hours, minutes) = zone.split_at_checked(3)?;
    Timestamp::parse(&format!("{day}T{time}{hours}:{minutes}")).ok()
}

/// Which alerts are wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AlertFilter {
    /// About exactly this address, network ...
    pub value: Option<String>,
    /// The newest so many.
    pub limit: usize,
}

impl Lapi {
    /// The alerts that are wanted, the newest first.
    ///
    /// # Errors
    /// As [`Lapi::pull`].
    pub async fn alerts(&self, filter: &AlertFilter) -> Result<Vec<Alert>, LapiError> {
        let about = match filter.value.as_deref() {
            Some(value) if value.contains('/') => format!("&scope=Range&value={}", escape(value)),
            Some(value) if value.parse::<std::net::IpAddr>().is_ok() => {
                format!("&scope=Ip&value={}", escape(value))
            }
            Some(value) => format!("&value={}", escape(value)),
            None => String::new(),
        };
        let path = format!("/v1/alerts?limit={}{about}", filter.limit);
        let token = self.login().await?;
        let body = self.call(Method::GET, &path, &Credentials::Token(&token), None).await?;
        Ok(parse::<Option<Vec<Alert>>>(&path, &body)?.unwrap_or_default())
    }

    /// The alert with this id; `None` when there is none (any more).
    ///
    /// # Errors
    /// As [`Lapi::pull`].
    pub async fn alert(&self, id: i64) -> Result<Option<Alert>, LapiError> {
        let path = format!("/v1/alerts/{id}");
        let token = self.login().await?;
        match self.call(Method::GET, &path, &Credentials::Token(&token), None).await {
            Ok(body) => parse(&path, &body).map(Some),
            Err(LapiError::Status { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes every alert of a scenario, with its decisions: nobody is told that those end, so they must have ended.
    ///
    /// # Errors
    /// As [`Lapi::pull`]; 403 when this machine is not trusted to.
    pub async fn forget_alerts(&self, scenario: &str) -> Result<(), LapiError> {
        let path = format!("/v1/alerts?scenario={}", escape(scenario));
        let token = self.login().await?;
        self.call(Method::DELETE, &path, &Credentials::Token(&token), None).await.map(drop)
    }

    /// Ends one decision. Says whether there was one.
    ///
    /// # Errors
    /// As [`Lapi::pull`].
    pub async fn delete_one(&self, id: i64) -> Result<bool, LapiError> {
        let token = self.login().await?;
        match self
            .call(Method::DELETE, &format!("/v1/decisions/{id}"), &Credentials::Token(&token), None)
            .await
        {
            Ok(_) => Ok(true),
            // Gone meanwhile: 404, or 500 before version 1.5.
            Err(LapiError::Status { status: 404 | 500, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_both_of_their_forms() {
        let expected = "2026-11-22T14:50:50.887Z";
        for text in
            [expected, "2026-11-22 14:50:50.887696542 +0000 UTC", "2026-11-22 16:50:50.887 +0200 CEST"]
        {
            assert_eq!(go_time(text).unwrap().to_string(), expected, "{text}");
        }
        assert_eq!(go_time("2026-11-22 14:50:50 +0000 UTC").unwrap().to_string(), "2026-11-22T14:50:50.000Z");
        assert_eq!((go_time(""), go_time("soon"), go_time("a b c")), (None, None, None));
    }

    #[test]
    fn an_alert_is_read_with_what_led_to_it_and_null_is_nothing() {
        let alert: Alert = serde_json::from_value(serde_json::json!({
            "id": 7, "labels": null, "decisions": null, "source": { "scope": "Ip", "value": "192.0.2.1" },
            "events": [{ "timestamp": "2026-11-22 14:50:50 +0000 UTC", "meta": [{ "key": "http_path", "value": "/x" }] },
                       { "timestamp": "", "meta": null }],
        }))
        .unwrap();
        assert_eq!((alert.id, alert.source.value.as_str(), alert.decisions.len()), (7, "192.0.2.1", 0));
        assert_eq!((alert.events[0].fact("http_path"), alert.events[1].fact("http_path")), ("/x", ""));
    }
}
