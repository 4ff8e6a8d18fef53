//! `charon crowdsec status|decisions|ban|unban|hub|files|console`

use crate::boot::Settings;
use crate::cli::{ConsoleAction, CrowdSecAction, FilesAction, HubAction};
use crate::local_api::{LocalApi, escape, sentence};
use crate::{offline, out};
use anyhow::bail;
use serde_json::{Value, json};
use std::process::ExitCode;

const BASE: &str = "/api/v1/security";

pub(super) async fn run(
    settings: &Settings,
    as_json: bool,
    action: CrowdSecAction,
) -> anyhow::Result<ExitCode> {
    let session = offline::session(settings).await?;
    let reads = matches!(
        action,
        CrowdSecAction::Status
            | CrowdSecAction::Hub { action: HubAction::List { .. } }
            | CrowdSecAction::Files { .. }
            | CrowdSecAction::Console { action: ConsoleAction::Status }
    );
    if !session.running && !reads {
        bail!(
            "no Charon runs on this data folder, and only a running one bans and changes CrowdSec; start it first"
        );
    }
    let api = &session.api;
    match action {
        CrowdSecAction::Status => return status(api, as_json).await,
        CrowdSecAction::Decisions { value, origin, limit } => {
            decisions(api, as_json, value.as_deref(), origin.as_deref(), limit).await?;
        }
        CrowdSecAction::Ban { value, reason, hours, ever, yes } => {
            let hours = (!ever).then_some(hours);
            let body = json!({ "value": value, "reason": reason, "hours": hours, "confirm": yes });
            let answer = api.send("POST", &format!("{BASE}/bans"), Some(&body)).await?;
            if !(200..300).contains(&answer.status) {
                let asks = answer.body["errors"][0]["field"] == "confirm";
                let how = if asks { "\nAdd --yes if that is meant." } else { "" };
                bail!("{}{how}", sentence(&answer));
            }
            let until = answer.body["expires_at"]
                .as_str()
                .map_or("for ever".to_owned(), |end| format!("until {end}"));
            show(as_json, &answer.body, format!("banned {} {until}", text(&answer.body, "value")));
        }
        CrowdSecAction::Unban { value, id } => {
            let body = match id {
                Some(id) => json!({ "id": id }),
                None => json!({ "value": value }),
            };
            let ended = api.call("POST", &format!("{BASE}/bans/end"), Some(&body)).await?;
            let still: Vec<String> = list(&ended["still_banned"])
                .map(|ban| format!("{} ({})", text(ban, "value"), text(ban, "reason")))
                .collect();
            let rest = match still.is_empty() {
                true => String::new(),
                false => format!("\nstill banned by what holds it: {}", still.join(", ")),
            };
            show(as_json, &ended, format!("ended{rest}"));
        }
        CrowdSecAction::Hub { action } => hub(api, as_json, action).await?,
        CrowdSecAction::Files { action } => files(api, as_json, action).await?,
        CrowdSecAction::Console { action } => console(api, as_json, action).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Exit status 1 when CrowdSec is switched on and does not run, or is not proven.
async fn status(api: &LocalApi, as_json: bool) -> anyhow::Result<ExitCode> {
    let shown = api.call("GET", &format!("{BASE}/crowdsec"), None).await?;
    let proof = &shown["proof"];
    let broken = proof["broken_link"].as_str().filter(|link| *link != "untried");
    let wrong = shown["enabled"] == true && (shown["state"] != "running" || broken.is_some());
    if as_json {
        out::json(&shown);
    } else {
        let wish = if shown["enabled"] == true { "on" } else { "off" };
        out::text(format!("wished   {wish}"));
        out::text(format!("is       {}: {}", text(&shown, "state"), text(&shown, "message")));
        if !text(&shown, "remedy").is_empty() {
            out::text(format!("remedy   {}", text(&shown, "remedy")));
        }
        match (broken, proof["proven_at"].as_str()) {
            (Some(link), _) => out::text(format!("proof    broken at {link}: {}", text(proof, "reason"))),
            (None, Some(at)) => out::text(format!("proof    proven at {at}")),
            (None, None) => out::text("proof    none"),
        }
        out::text(format!("holding  {} decisions", shown["decisions"]["held"]));
    }
    Ok(ExitCode::from(u8::from(wrong)))
}

async fn decisions(
    api: &LocalApi,
    as_json: bool,
    value: Option<&str>,
    origin: Option<&str>,
    limit: u16,
) -> anyhow::Result<()> {
    let mut path = format!("{BASE}/bans?limit={limit}");
    for (name, wanted) in [("value", value), ("origin", origin)] {
        if let Some(wanted) = wanted {
            path.push_str(&format!("&{name}={}", escape(wanted)));
        }
    }
    let bans = api.call("GET", &path, None).await?;
    if as_json {
        out::json(&bans);
        return Ok(());
    }
    let row = |ban: &Value| {
        let id = ban["id"].as_i64().map(|id| id.to_string()).unwrap_or_else(|| "-".to_owned());
        let until = ban["expires_at"].as_str().unwrap_or("for ever").to_owned();
        let kind = if ban["enforced"] == true {
            text(ban, "type")
        } else {
            format!("{} (not enforced)", text(ban, "type"))
        };
        vec![text(ban, "value"), kind, text(ban, "origin"), until, id, text(ban, "reason")]
    };
    let rows: Vec<_> = list(&bans["items"]).map(row).collect();
    out::table(&["VALUE", "TYPE", "BY", "UNTIL", "ID", "WHY"], &rows);
    let total = bans["total"].as_u64().unwrap_or_default();
    if total > rows.len() as u64 {
        out::text(format!("{} of {total}; --limit shows more", rows.len()));
    }
    Ok(())
}

async fn hub(api: &LocalApi, as_json: bool, action: HubAction) -> anyhow::Result<()> {
    let (action, about) = match action {
        HubAction::List { all } => {
            let hub = api.call("GET", &format!("{BASE}/crowdsec/hub"), None).await?;
            if as_json {
                out::json(&hub);
                return Ok(());
            }
            if hub["available"] != true {
                bail!("{}: {}", text(&hub, "message"), text(&hub, "remedy"));
            }
            let wanted = |item: &&Value| all || item["installed"] == true;
            let row = |item: &Value| {
                let on = if item["installed"] == true { "on" } else { "off" };
                let version = item["version"].as_str().unwrap_or("-");
                let newer = if item["upgrade"] == true {
                    format!(" (newer: {})", text(item, "latest"))
                } else {
                    String::new()
                };
                vec![
                    text(item, "item"),
                    on.to_owned(),
                    format!("{version}{newer}"),
                    text(item, "description"),
                ]
            };
            let rows: Vec<_> = list(&hub["items"]).filter(wanted).map(row).collect();
            out::table(&["ITEM", "STATE", "VERSION", "WHAT FOR"], &rows);
            return Ok(());
        }
        HubAction::Install { item } => ("install", item),
        HubAction::Remove { item } => ("remove", item),
        HubAction::Upgrade { item } => ("upgrade", item.unwrap_or_default()),
    };
    let body = json!({ "action": action, "about": about });
    let mut change = api.call("POST", &format!("{BASE}/crowdsec/changes"), Some(&body)).await?;
    // The answer may come while the change goes on.
    while change["over"] != true {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        change = api.call("GET", &format!("{BASE}/crowdsec/changes/{}", change["id"]), None).await?;
    }
    if change["status"] != "applied" && !as_json {
        bail!("{}: {}", text(&change, "status"), text(&change, "error"));
    }
    show(as_json, &change, format!("applied as edition {}", change["edition"]));
    Ok(())
}

async fn files(api: &LocalApi, as_json: bool, action: FilesAction) -> anyhow::Result<()> {
    match action {
        FilesAction::List => {
            let files = api.call("GET", &format!("{BASE}/crowdsec/files"), None).await?;
            if as_json {
                out::json(&files);
                return Ok(());
            }
            let row = |file: &Value| {
                let may = if file["editable"] == true { "yes" } else { "no" };
                vec![text(file, "path"), text(file, "origin"), may.to_owned()]
            };
            out::table(&["PATH", "FROM", "EDITABLE"], &list(&files).map(row).collect::<Vec<_>>());
        }
        FilesAction::Show { path } => {
            let path = format!("{BASE}/crowdsec/files/content?path={}", escape(&path));
            let file = api.call("GET", &path, None).await?;
            match as_json {
                true => out::json(&file),
                false => out::text(text(&file, "content").trim_end_matches('\n')),
            }
        }
    }
    Ok(())
}

async fn console(api: &LocalApi, as_json: bool, action: ConsoleAction) -> anyhow::Result<()> {
    let path = format!("{BASE}/crowdsec/console");
    let shown = match action {
        ConsoleAction::Status => api.call("GET", &path, None).await?,
        ConsoleAction::Enroll { key, name, overwrite } => {
            let body = json!({ "key": key, "name": name, "overwrite": overwrite });
            api.call("POST", &path, Some(&body)).await?
        }
        ConsoleAction::Leave => {
            api.call("DELETE", &path, None).await?;
            api.call("GET", &path, None).await?
        }
    };
    let why = text(&shown, "message");
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    show(as_json, &shown, format!("{}{why}", text(&shown, "state").replace('_', " ")));
    if shown["state"] == "failed" && !as_json {
        bail!("the last attempt failed{why}");
    }
    Ok(())
}

fn show(as_json: bool, value: &Value, line: String) {
    match as_json {
        true => out::json(value),
        false => out::text(line),
    }
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
