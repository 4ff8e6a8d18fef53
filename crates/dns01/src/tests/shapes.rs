//! HTTP APIs against stand-ins that answer as their documentation says: one value is there, one is added beside it,
//! and only that one is removed.

use super::{built, stand_in::StandIn};
use crate::{DnsError, Handle};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

const RECORD: &str = "_acme-challenge.www.example.test";

/// One expected request, with what its head and its body must hold, and the answer.
#[derive(Clone, Copy)]
struct Step {
    line: &'static str,
    header: &'static str,
    body: &'static str,
    answer: (u16, &'static str),
}

const fn step(
    line: &'static str,
    header: &'static str,
    body: &'static str,
    answer: (u16, &'static str),
) -> Step {
    Step { line, header, body, answer }
}

/// Plays a script to the end, for `present` of "new" or for its removal.
async fn play(kind: &str, settings: &[(&str, &str)], steps: &[Step], remove: bool) -> Result<(), DnsError> {
    let mut left: VecDeque<Step> = steps.to_vec().into();
    // Kept apart from the answers, in which a provider would hide what holds its secrets.
    let wrong = Arc::new(Mutex::new(Vec::new()));
    let told = wrong.clone();
    let stand_in = StandIn::start(move |seen| {
        let step = left.pop_front();
        match step {
            Some(Step { line, header, body, answer })
                if seen.line == line && seen.headers.contains(header) && seen.body.contains(body) =>
            {
                (answer.0, answer.1.to_owned())
            }
            _ => {
                let expected = step.map(|step| (step.line, step.header, step.body));
                told.lock().unwrap().push(format!("expected {expected:?}, and {seen:?} came"));
                (599, String::new())
            }
        }
    });
    let account = super::canaries::service_account(&stand_in.url);
    let mut all = settings.to_vec();
    all.push(("endpoint", &stand_in.url));
    match kind {
        "azure" => all.push(("login", &stand_in.url)),
        "google" => all.push(("service_account", &account)),
        _ => {}
    }
    let provider = built(kind, &all);
    let result = if remove {
        provider.remove(&Handle { record: RECORD.to_owned(), value: "new".to_owned() }).await
    } else {
        provider.present(RECORD, "new").await.map(|_| ())
    };
    let seen = stand_in.seen.lock().unwrap();
    assert!(result.is_err() || seen.len() == steps.len(), "{kind} asked only {seen:#?}");
    let wrong = wrong.lock().unwrap();
    assert!(wrong.is_empty(), "{kind}: {wrong:#?}");
    result
}

async fn check(kind: &str, settings: &[(&str, &str)], present: &[Step], remove: &[Step]) {
    play(kind, settings, present, false).await.unwrap();
    play(kind, settings, remove, true).await.unwrap();
}

#[tokio::test]
async fn cloudflare() {
    let zones = step(
        "GET /zones?per_page=50&page=1",
        "authorization: Bearer t0k",
        "",
        (
            200,
            r#"{"success":true,"result":[{"id":"z1","name":"test"},{"id":"z2","name":"example.test"}],"result_info":{"page":1,"total_pages":1}}"#,
        ),
    );
    let list = "GET /zones/z2/dns_records?type=TXT&name=_acme-challenge.www.example.test&per_page=100";
    let old = r#"{"success":true,"result":[{"id":"r1","type":"TXT","content":"\"old\""}]}"#;
    let both =
        r#"{"success":true,"result":[{"id":"r1","content":"\"old\""},{"id":"r2","content":"\"new\""}]}"#;
    let post = step(
        "POST /zones/z2/dns_records",
        "content-type: application/json",
        r#"{"content":"\"new\"","name":"_acme-challenge.www.example.test","ttl":120,"type":"TXT"}"#,
        (200, r#"{"success":true}"#),
    );
    let delete =
        step("DELETE /zones/z2/dns_records/r2", "Bearer t0k", "", (200, r#"{"result":{"id":"r2"}}"#));
    let settings = [("token", "t0k")];
    check(
        "cloudflare",
        &settings,
        &[zones, step(list, "", "", (200, old)), post],
        &[zones, step(list, "", "", (200, both)), delete],
    )
    .await;
    // Twice leaves one, and what is gone is fine.
    play("cloudflare", &settings, &[zones, step(list, "", "", (200, both))], false).await.unwrap();
    play("cloudflare", &settings, &[zones, step(list, "", "", (200, old))], true).await.unwrap();
    let other = step(
        zones.line,
        "",
        "",
        (200, r#"{"result":[{"id":"z","name":"other.test"},{"id":"y","name":"ample.test"}]}"#),
    );
    let error = play("cloudflare", &settings, &[other], false).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no zone for _acme-challenge.www.example.test is found there; the credentials see: other.test, ample.test"
    );
    let wrong = (400, r#"{"success":false,"errors":[{"code":6003,"message":"Invalid request headers"}]}"#);
    let error = play("cloudflare", &settings, &[step(zones.line, "", "", wrong)], false).await.unwrap_err();
    assert!(matches!(error, DnsError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn digitalocean() {
    let zones = step(
        "GET /domains?per_page=200&page=1",
        "authorization: Bearer t0k",
        "",
        (200, r#"{"domains":[{"name":"example.test","ttl":1800}],"links":{},"meta":{"total":1}}"#),
    );
    let list =
        "GET /domains/example.test/records?type=TXT&name=_acme-challenge.www.example.test&per_page=200";
    let old = r#"{"domain_records":[{"id":1,"type":"TXT","name":"_acme-challenge.www","data":"old"}]}"#;
    let both = r#"{"domain_records":[{"id":1,"data":"old"},{"id":2,"data":"new"}]}"#;
    let post = step(
        "POST /domains/example.test/records",
        "",
        r#"{"data":"new","name":"_acme-challenge.www","ttl":30,"type":"TXT"}"#,
        (201, "{}"),
    );
    let delete = step("DELETE /domains/example.test/records/2", "", "", (204, ""));
    check(
        "digitalocean",
        &[("token", "t0k")],
        &[zones, step(list, "", "", (200, old)), post],
        &[zones, step(list, "", "", (200, both)), delete],
    )
    .await;
}

#[tokio::test]
async fn hetzner_in_the_cloud_api() {
    let zones = step(
        "GET /zones?per_page=50&page=1",
        "authorization: Bearer t0k",
        "",
        (
            200,
            r#"{"zones":[{"id":42,"name":"example.test"}],"meta":{"pagination":{"page":1,"next_page":null}}}"#,
        ),
    );
    let list = "GET /zones/42/rrsets/_acme-challenge.www/TXT";
    let both = r#"{"rrset":{"records":[{"value":"\"old\""},{"value":"\"new\""}]}}"#;
    let add = step(
        "POST /zones/42/rrsets/_acme-challenge.www/TXT/actions/add_records",
        "",
        r#"{"records":[{"value":"\"new\""}],"ttl":60}"#,
        (201, "{}"),
    );
    let remove = step(
        "POST /zones/42/rrsets/_acme-challenge.www/TXT/actions/remove_records",
        "",
        r#"{"records":[{"value":"\"new\""}]}"#,
        (201, "{}"),
    );
    check(
        "hetzner",
        &[("token", "t0k")],
        &[zones, step(list, "", "", (404, "{}")), add],
        &[zones, step(list, "", "", (200, both)), remove],
    )
    .await;
}

#[tokio::test]
async fn hetzner_in_the_dns_console() {
    let zones = step(
        "GET /zones?per_page=100&page=1",
        "auth-api-token: t0k",
        "",
        (200, r#"{"zones":[{"id":"z","name":"example.test"}],"meta":{"pagination":{"last_page":1}}}"#),
    );
    let both = r#"{"records":[{"id":"a","type":"TXT","name":"_acme-challenge.www","value":"\"old\""},{"id":"b","type":"TXT","name":"_acme-challenge.www","value":"new"},{"id":"c","type":"TXT","name":"x","value":"new"}]}"#;
    let post = step(
        "POST /records",
        "",
        r#"{"name":"_acme-challenge.www","ttl":60,"type":"TXT","value":"new","zone_id":"z"}"#,
        (200, "{}"),
    );
    let list = "GET /records?zone_id=z";
    check(
        "hetzner-console",
        &[("token", "t0k")],
        &[zones, step(list, "", "", (200, r#"{"records":[]}"#)), post],
        &[zones, step(list, "", "", (200, both)), step("DELETE /records/b", "", "", (200, ""))],
    )
    .await;
}

#[tokio::test]
async fn ovh() {
    let time = step("GET /auth/time", "", "", (200, "1366560945"));
    let ask = |line, body, answer| step(line, "x-ovh-signature: $1$", body, (200, answer));
    let zones = ask("GET /domain/zone", "", r#"["example.test"]"#);
    let list = "GET /domain/zone/example.test/record?fieldType=TXT&subDomain=_acme-challenge.www";
    let post = ask(
        "POST /domain/zone/example.test/record",
        r#"{"fieldType":"TXT","subDomain":"_acme-challenge.www","target":"\"new\"","ttl":60}"#,
        "{}",
    );
    let refresh = ask("POST /domain/zone/example.test/refresh", "", "null");
    let settings = [("application_key", "ak"), ("application_secret", "as"), ("consumer_key", "ck")];
    let read = ask("GET /domain/zone/example.test/record/8", "", r#"{"id":8,"target":"\"new\""}"#);
    let delete = ask("DELETE /domain/zone/example.test/record/8", "", "null");
    check(
        "ovh",
        &settings,
        &[time, zones, time, ask(list, "", "[]"), time, post, time, refresh],
        &[time, zones, time, ask(list, "", "[8]"), time, read, time, delete, time, refresh],
    )
    .await;
}

#[tokio::test]
async fn gandi() {
    let zones = step("GET /domains", "authorization: Bearer t0k", "", (200, r#"[{"fqdn":"example.test"}]"#));
    let url = "/domains/example.test/records/_acme-challenge.www/TXT";
    let list = "GET /domains/example.test/records/_acme-challenge.www/TXT";
    assert!(list.ends_with(url));
    let put = step(
        "PUT /domains/example.test/records/_acme-challenge.www/TXT",
        "",
        r#"{"rrset_ttl":300,"rrset_values":["\"old\"","\"new\""]}"#,
        (201, "{}"),
    );
    let alone = r#"{"rrset_ttl":300,"rrset_values":["\"new\""]}"#;
    check(
        "gandi",
        &[("token", "t0k")],
        &[zones, step(list, "", "", (200, r#"{"rrset_values":["\"old\""]}"#)), put],
        &[
            zones,
            step(list, "", "", (200, alone)),
            step("DELETE /domains/example.test/records/_acme-challenge.www/TXT", "", "", (204, "")),
        ],
    )
    .await;
}

#[tokio::test]
async fn porkbun() {
    let keys = r#""apikey":"pk1_k","#;
    let zones = step(
        "POST /domain/listAll",
        "",
        keys,
        (200, r#"{"status":"SUCCESS","domains":[{"domain":"example.test"}]}"#),
    );
    let list = "POST /dns/retrieveByNameType/example.test/TXT/_acme-challenge.www";
    let post = step(
        "POST /dns/create/example.test",
        "",
        r#""content":"new","name":"_acme-challenge.www","secretapikey":"sk1_k","ttl":"600","type":"TXT"}"#,
        (200, r#"{"status":"SUCCESS","id":"9"}"#),
    );
    let both = r#"{"status":"SUCCESS","records":[{"id":"8","content":"old"},{"id":"9","content":"new"}]}"#;
    let delete = step("POST /dns/delete/example.test/9", "", keys, (200, r#"{"status":"SUCCESS"}"#));
    let settings = [("api_key", "pk1_k"), ("secret_api_key", "sk1_k")];
    let none = r#"{"status":"SUCCESS","records":[]}"#;
    check(
        "porkbun",
        &settings,
        &[zones, step(list, "", keys, (200, none)), post],
        &[zones, step(list, "", keys, (200, both)), delete],
    )
    .await;
    let wrong = (200, r#"{"status":"ERROR","message":"Invalid API key. (001)"}"#);
    let error = play("porkbun", &settings, &[step(zones.line, "", "", wrong)], false).await.unwrap_err();
    assert!(matches!(error, DnsError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn namecheap_gets_all_records_back_as_they_were() {
    let ok = |inside: &str| {
        format!(
            r#"<?xml version="1.0"?><ApiResponse Status="OK" xmlns="http://api.namecheap.com/xml.response"><Errors /><CommandResponse>{inside}</CommandResponse></ApiResponse>"#
        )
    };
    let leaked = |text: String| -> &'static str { text.leak() };
    let zones = step(
        "POST /",
        "",
        "ApiUser=me&UserName=me&ApiKey=k3y&ClientIp=192.0.2.7&Command=namecheap.domains.getList&PageSize=100&Page=1",
        (
            200,
            leaked(ok(
                r#"<DomainGetListResult><Domain ID="1" Name="example.test" IsOurDNS="true" /></DomainGetListResult><Paging><TotalItems>1</TotalItems></Paging>"#,
            )),
        ),
    );
    let hosts = |more: &str| {
        leaked(ok(&format!(
            r#"<DomainDNSGetHostsResult Domain="example.test" EmailType="FWD" IsUsingOurDNS="true"><host HostId="1" Name="@" Type="TXT" Address="v=spf1 &quot;a&quot; &amp; b" MXPref="10" TTL="1799" />{more}<host HostId="2" Name="_acme-challenge.www" Type="TXT" Address="old" MXPref="10" TTL="60" /></DomainDNSGetHostsResult>"#
        )))
    };
    let list = |answer| step("POST /", "", "getHosts&SLD=example&TLD=test", (200, answer));
    let done = leaked(ok(r#"<DomainDNSSetHostsResult Domain="example.test" IsSuccess="true" />"#));
    let kept = "&SLD=example&TLD=test&EmailType=FWD&HostName1=%40&RecordType1=TXT&Address1=v%3Dspf1%20%22a%22%20%26%20b&MXPref1=10&TTL1=1799&HostName2=_acme-challenge.www&RecordType2=TXT&Address2=old&MXPref2=10&TTL2=60";
    let added = leaked(format!("{kept}&HostName3=_acme-challenge.www&RecordType3=TXT&Address3=new&TTL3=60"));
    let both = hosts(
        r#"<host HostId="3" Name="_acme-challenge.www" Type="TXT" Address="new" MXPref="10" TTL="60" />"#,
    );
    let settings = [("user", "me"), ("api_key", "k3y"), ("client_ip", "192.0.2.7")];
    check(
        "namecheap",
        &settings,
        &[zones, list(hosts("")), list(hosts("")), step("POST /", "", added, (200, done))],
        &[zones, list(both), list(both), step("POST /", "", kept, (200, done))],
    )
    .await;
    let wrong = r#"<ApiResponse Status="ERROR"><Errors><Error Number="1011150">Invalid request IP: 192.0.2.7</Error></Errors></ApiResponse>"#;
    let error =
        play("namecheap", &settings, &[step("POST /", "", "", (200, wrong))], false).await.unwrap_err();
    assert!(matches!(&error, DnsError::Refused { reason } if reason.contains("request IP")), "{error}");
    // What is not understood is not written back without it.
    let broken = hosts(r#"<host Name="x" Type='A' />"#);
    let error = play("namecheap", &settings, &[zones, list(broken)], false).await.unwrap_err();
    assert!(matches!(error, DnsError::Malformed { .. }), "{error}");
}

#[tokio::test]
async fn duckdns_takes_only_its_own_names() {
    let error = play("duckdns", &[("token", "t")], &[], false).await.unwrap_err();
    assert!(error.to_string().ends_with("see: duckdns.org"), "{error}");
    let stand_in = StandIn::start(|seen| {
        let expected = "GET /update?domains=home&token=t&txt=v";
        let known = [expected.to_owned(), format!("{expected}&clear=true")].contains(&seen.line);
        (200, if known { "OK" } else { "KO" }.to_owned())
    });
    let duck = built("duckdns", &[("token", "t"), ("endpoint", &stand_in.url)]);
    let handle = duck.present("_acme-challenge.home.duckdns.org", "v").await.unwrap();
    duck.remove(&handle).await.unwrap();
    let error = duck.present("_acme-challenge.other.duckdns.org", "v").await.unwrap_err();
    assert!(matches!(error, DnsError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn desec() {
    let zones = step("GET /domains/", "authorization: Token t0k", "", (200, r#"[{"name":"example.test"}]"#));
    let list = "GET /domains/example.test/rrsets/_acme-challenge.www/TXT/";
    let patch = |body| step("PATCH /domains/example.test/rrsets/", "", body, (200, "[]"));
    let add = r#"[{"records":["\"new\""],"subname":"_acme-challenge.www","ttl":3600,"type":"TXT"}]"#;
    let remove = r#"[{"records":["\"old\""],"#;
    let both = r#"{"records":["\"old\"","\"new\""]}"#;
    check(
        "desec",
        &[("token", "t0k")],
        &[zones, step(list, "", "", (404, "{}")), patch(add)],
        &[zones, step(list, "", "", (200, both)), patch(remove)],
    )
    .await;
}

#[tokio::test]
async fn powerdns() {
    let zones = step(
        "GET /api/v1/servers/localhost/zones",
        "x-api-key: k",
        "",
        (200, r#"[{"id":"example.test.","name":"example.test."}]"#),
    );
    let list = "GET /api/v1/servers/localhost/zones/example.test.?rrset_name=_acme-challenge.www.example.test.&rrset_type=TXT";
    let old = r#"{"rrsets":[{"name":"_acme-challenge.www.example.test.","type":"TXT","records":[{"content":"\"old\""}]},{"name":"x.","type":"TXT","records":[{"content":"\"x\""}]}]}"#;
    let alone = r#"{"rrsets":[{"name":"_acme-challenge.www.example.test.","type":"TXT","records":[{"content":"\"new\""}]}]}"#;
    let patch = |body| step("PATCH /api/v1/servers/localhost/zones/example.test.", "", body, (204, ""));
    let add = r#"{"rrsets":[{"changetype":"REPLACE","name":"_acme-challenge.www.example.test.","records":[{"content":"\"old\"","disabled":false},{"content":"\"new\"","disabled":false}],"ttl":60,"type":"TXT"}]}"#;
    check(
        "powerdns",
        &[("api_key", "k")],
        &[zones, step(list, "", "", (200, old)), patch(add)],
        &[zones, step(list, "", "", (200, alone)), patch(r#""changetype":"DELETE""#)],
    )
    .await;
}

#[tokio::test]
async fn google() {
    let token = step(
        "POST /token",
        "x-www-form-urlencoded",
        "assertion=eyJ",
        (200, r#"{"access_token":"at","expires_in":3599}"#),
    );
    let zones = step(
        "GET /projects/p/managedZones?pageToken=",
        "authorization: Bearer at",
        "",
        (
            200,
            r#"{"managedZones":[{"name":"ez","dnsName":"example.test.","visibility":"public"},{"name":"pz","dnsName":"www.example.test.","visibility":"private"}]}"#,
        ),
    );
    let list = "GET /projects/p/managedZones/ez/rrsets?name=_acme-challenge.www.example.test.&type=TXT";
    let old =
        step(list, "", "", (200, r#"{"rrsets":[{"name":"n","type":"TXT","ttl":9,"rrdatas":["\"old\""]}]}"#));
    let add = step(
        "POST /projects/p/managedZones/ez/changes",
        "",
        r#"{"additions":[{"name":"_acme-challenge.www.example.test.","rrdatas":["\"old\"","\"new\""],"ttl":60,"type":"TXT"}],"deletions":[{"name":"n","rrdatas":["\"old\""],"ttl":9,"type":"TXT"}]}"#,
        (200, "{}"),
    );
    let alone =
        step(list, "", "", (200, r#"{"rrsets":[{"name":"n","type":"TXT","ttl":9,"rrdatas":["\"new\""]}]}"#));
    let delete = step(
        add.line,
        "",
        r#"{"deletions":[{"name":"n","rrdatas":["\"new\""],"ttl":9,"type":"TXT"}]}"#,
        (200, "{}"),
    );
    check(
        "google",
        &[],
        &[token, zones, token, old, token, old, token, add],
        &[token, zones, token, alone, token, alone, token, delete],
    )
    .await;
}

#[tokio::test]
async fn azure() {
    let token = step(
        "POST /tenant/oauth2/v2.0/token",
        "",
        "grant_type=client_credentials&client_id=c&client_secret=s%2B&scope=http",
        (200, r#"{"access_token":"at"}"#),
    );
    let zones = step(
        "GET /subscriptions/sub/providers/Microsoft.Network/dnszones?api-version=2018-05-01",
        "authorization: Bearer at",
        "",
        (200, r#"{"value":[{"id":"/z","name":"example.test"}]}"#),
    );
    let url = "/z/TXT/_acme-challenge.www?api-version=2018-05-01";
    let list = "GET /z/TXT/_acme-challenge.www?api-version=2018-05-01";
    assert!(list.ends_with(url));
    let put = step(
        "PUT /z/TXT/_acme-challenge.www?api-version=2018-05-01",
        "if-match: e1",
        r#"{"properties":{"TTL":60,"TXTRecords":[{"value":["old"]},{"value":["new"]}]}}"#,
        (200, "{}"),
    );
    let old = r#"{"etag":"e1","properties":{"TTL":60,"TXTRecords":[{"value":["old"]}]}}"#;
    let alone = r#"{"etag":"e2","properties":{"TTL":60,"TXTRecords":[{"value":["n","ew"]}]}}"#;
    let delete =
        step("DELETE /z/TXT/_acme-challenge.www?api-version=2018-05-01", "if-match: e2", "", (200, ""));
    let settings =
        [("tenant", "tenant"), ("client_id", "c"), ("client_secret", "s+"), ("subscription", "sub")];
    check(
        "azure",
        &settings,
        &[token, zones, token, step(list, "", "", (200, old)), token, put],
        &[token, zones, token, step(list, "", "", (200, alone)), token, delete],
    )
    .await;
    let changed = Step { answer: (412, r#"{"code":"PreconditionFailed"}"#), ..put };
    let steps = [token, zones, token, step(list, "", "", (200, old)), token, changed];
    let error = play("azure", &settings, &steps, false).await.unwrap_err();
    assert!(matches!(error, DnsError::Conflict { .. }), "{error}");
}

#[tokio::test]
async fn route53() {
    let zones = step(
        "GET /2013-04-01/hostedzone?maxitems=100",
        "authorization: AWS4-HMAC-SHA256 Credential=AK/",
        "",
        (
            200,
            "<ListHostedZonesResponse><HostedZones><HostedZone><Id>/hostedzone/Z1</Id><Name>example.test.</Name><Config><PrivateZone>false</PrivateZone></Config></HostedZone><HostedZone><Id>/hostedzone/Z2</Id><Name>www.example.test.</Name><Config><PrivateZone>true</PrivateZone></Config></HostedZone></HostedZones><IsTruncated>false</IsTruncated></ListHostedZonesResponse>",
        ),
    );
    let list =
        "GET /2013-04-01/hostedzone/Z1/rrset?maxitems=1&name=_acme-challenge.www.example.test&type=TXT";
    let old = step(
        list,
        "",
        "",
        (
            200,
            "<R><ResourceRecordSet><Name>_acme-challenge.www.example.test.</Name><Type>TXT</Type><TTL>9</TTL><ResourceRecords><ResourceRecord><Value>&quot;old&quot;</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></R>",
        ),
    );
    let alone = step(
        list,
        "",
        "",
        (
            200,
            "<R><ResourceRecordSet><Name>_acme-challenge.www.example.test.</Name><Type>TXT</Type><TTL>9</TTL><ResourceRecords><ResourceRecord><Value>&quot;new&quot;</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></R>",
        ),
    );
    let upsert = step(
        "POST /2013-04-01/hostedzone/Z1/rrset/",
        "x-amz-date: 20",
        "<Action>UPSERT</Action><ResourceRecordSet><Name>_acme-challenge.www.example.test.</Name><Type>TXT</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>&quot;old&quot;</Value></ResourceRecord><ResourceRecord><Value>&quot;new&quot;</Value>",
        (200, "<x/>"),
    );
    let delete = step(
        upsert.line,
        "",
        "<Action>DELETE</Action><ResourceRecordSet><Name>_acme-challenge.www.example.test.</Name><Type>TXT</Type><TTL>9</TTL>",
        (200, "<x/>"),
    );
    check(
        "route53",
        &[("access_key", "AK"), ("secret_key", "SK")],
        &[zones, old, upsert],
        &[zones, alone, alone, delete],
    )
    .await;
}

#[tokio::test]
async fn acme_dns_and_webhook() {
    let settings = [("username", "u"), ("password", "p"), ("subdomain", "sub")];
    let padded = "new________________________________________";
    assert_eq!(padded.len(), 43);
    let update = step(
        "POST /update",
        "x-api-key: p",
        r#"{"subdomain":"sub","txt":"new________________________________________"}"#,
        (200, r#"{"txt":"new________________________________________"}"#),
    );
    check("acme-dns", &settings, &[update], &[]).await;
    let post = |body| step("POST /", "authorization: Bearer t", body, (204, ""));
    let present = post(r#"{"action":"present","record":"_acme-challenge.www.example.test","value":"new"}"#);
    check("webhook", &[("token", "t")], &[present], &[post(r#"{"action":"remove","#)]).await;
}
