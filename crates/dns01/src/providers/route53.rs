//! Amazon Route 53, with requests signed by Signature Version 4 (docs.aws.amazon.com/Route53/latest/APIReference).

use crate::DnsError;
use crate::http::{Http, Reply};
use crate::provider::{Change, Entry, Records, Zone, longest, plain, quoted};
use crate::schema::{Field, FieldKind, Kind, Settings};
use crate::text::{elements, from_xml, hex, hmac_sha256, query, sha256, to_xml};
use base::Timestamp;

pub(super) const KIND: Kind = Kind {
    name: "route53",
    label: "Amazon Route 53",
    fields: &[
        Field::required("access_key", "Access key id", FieldKind::Text, "IAM, Users, Security credentials."),
        Field::required(
            "secret_key",
            "Secret access key",
            FieldKind::Secret,
            "Shown once with the access key.",
        ),
        Field::endpoint("https://route53.amazonaws.com"),
    ],
    one_value: false,
    note: "The user needs route53:ListHostedZones, and route53:ListResourceRecordSets and ChangeResourceRecordSets for the zone. Private zones are not looked at.",
    build: |settings, means| {
        Ok(Route53 { http: Http::new(settings, means), settings: settings.clone() }.boxed())
    },
};

#[derive(Debug)]
struct Route53 {
    http: Http,
    settings: Settings,
}

/// What is signed, and by whom.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    /// Sorted and encoded.
    pub(crate) query: &'a str,
    pub(crate) body: &'a str,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    pub(crate) access_key: &'a str,
    pub(crate) secret_key: &'a str,
    /// `20150830T123600Z`.
    pub(crate) time: &'a str,
}

impl Request<'_> {
    /// The value of `authorization`, for the signed headers `host` and `x-amz-date`.
    pub(crate) fn authorization(&self) -> String {
        let Self { method, host, path, query, body, region, service, access_key, time, .. } = self;
        let day = &time[..8];
        let digest = sha256(body);
        let canonical =
            format!("{method}\n{path}\n{query}\nhost:{host}\nx-amz-date:{time}\n\nhost;x-amz-date\n{digest}");
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(&canonical));
        let mut key = hmac_sha256(format!("AWS4{}", self.secret_key).as_bytes(), day);
        for part in [region, service, "aws4_request"] {
            key = hmac_sha256(&key, part);
        }
        let signature = hex(hmac_sha256(&key, &to_sign));
        format!(
            "AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}"
        )
    }
}

/// `20150830T123600Z`, from `2015-08-30T12:36:00.000Z`.
fn compact(now: Timestamp) -> String {
    let text: String = now.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{}Z", text.split(['.', 'Z']).next().unwrap_or_default())
}

impl Route53 {
    async fn ask(&self, method: &str, path: &str, query: &str, body: &str) -> Result<Reply, DnsError> {
        let base = self.settings.url("endpoint");
        let time = compact(self.http.clock.now());
        let request = Request {
            method,
            host: base.split_once("://").map_or("", |(_, host)| host),
            path,
            query,
            body,
            region: "us-east-1",
            service: "route53",
            access_key: self.settings.get("access_key"),
            secret_key: self.settings.get("secret_key"),
            time: &time,
        };
        let authorization = request.authorization();
        let headers = [("x-amz-date", time.as_str()), ("authorization", &authorization)];
        let url = if query.is_empty() { format!("{base}{path}") } else { format!("{base}{path}?{query}") };
        let reply = self.http.call(method, &url, &headers, body.to_owned()).await;
        reply.map_err(|error| match error {
            DnsError::Failed { reason }
                if reason.contains("Throttling") || reason.contains("PriorRequestNotComplete") =>
            {
                DnsError::RateLimited { retry_after: None }
            }
            DnsError::Failed { reason } if reason.contains("InvalidChangeBatch") => {
                DnsError::Conflict { reason }
            }
            other => other,
        })
    }

    /// The time to live and the values of the set, as they stand there.
    async fn set(&self, zone: &Zone, record: &str) -> Result<Option<(String, Vec<String>)>, DnsError> {
        // Sorted by name, as the signature wants it.
        let query = query(&[("maxitems", "1"), ("name", record), ("type", "TXT")]);
        let answer =
            self.ask("GET", &format!("/2013-04-01/hostedzone/{}/rrset", zone.id), &query, "").await?.text();
        // The list begins at this name, which does not mean that it is there.
        let same = elements(&answer, "Name").first().is_some_and(|name| plain(name) == record);
        if !same || elements(&answer, "Type").first().is_none_or(|kind| kind != "TXT") {
            return Ok(None);
        }
        let ttl = elements(&answer, "TTL")
            .into_iter()
            .next()
            .ok_or_else(|| DnsError::malformed("TTL is missing"))?;
        Ok(Some((ttl, elements(&answer, "Value"))))
    }
}

impl Records for Route53 {
    async fn zone(&self, record: &str) -> Result<Zone, DnsError> {
        let mut zones = Vec::new();
        let mut query = "maxitems=100".to_owned();
        for _ in 0..100 {
            let answer = self.ask("GET", "/2013-04-01/hostedzone", &query, "").await?.text();
            if !answer.contains("<HostedZones") {
                return Err(DnsError::malformed("the list of zones is missing"));
            }
            for part in answer.split("<HostedZone>").skip(1) {
                let first = |name| elements(part, name).into_iter().next().unwrap_or_default();
                if first("PrivateZone") != "true" {
                    let id = from_xml(&first("Id")).trim_start_matches("/hostedzone/").to_owned();
                    zones.push(Zone::new(id, &first("Name")));
                }
            }
            match elements(&answer, "NextMarker").first() {
                Some(marker) => query = crate::text::query(&[("marker", marker), ("maxitems", "100")]),
                None => break,
            }
        }
        longest(record, zones)
    }

    async fn list(&self, zone: &Zone, record: &str) -> Result<Vec<Entry>, DnsError> {
        let set = self.set(zone, record).await?;
        Ok(set.map_or(Vec::new(), |(_, values)| values.iter().map(|value| Entry::of(value)).collect()))
    }

    async fn change(
        &self,
        zone: &Zone,
        record: &str,
        before: &[Entry],
        change: Change<'_>,
    ) -> Result<(), DnsError> {
        let mut values: Vec<String> = change.after(before).iter().map(|value| quoted(value)).collect();
        let (mut action, mut ttl) = ("UPSERT", "60".to_owned());
        if values.is_empty() {
            // What is deleted must be named as it stands there.
            let Some((there, whole)) = self.set(zone, record).await? else { return Ok(()) };
            (action, ttl, values) = ("DELETE", there, whole);
        }
        let rows: String = values
            .iter()
            .map(|value| format!("<ResourceRecord><Value>{}</Value></ResourceRecord>", to_xml(value)))
            .collect();
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes><Change><Action>{action}</Action><ResourceRecordSet><Name>{record}.</Name><Type>TXT</Type><TTL>{ttl}</TTL><ResourceRecords>{rows}</ResourceRecords></ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
        );
        self.ask("POST", &format!("/2013-04-01/hostedzone/{}/rrset/", zone.id), "", &body).await?;
        Ok(())
    }
}
