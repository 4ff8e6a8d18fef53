//! `charon backups list|create|restore`

use crate::boot::Settings;
use crate::cli::BackupsAction;
use crate::local_api::LocalApi;
use crate::{offline, out};
use anyhow::{Context, bail};
use serde_json::json;
use std::process::ExitCode;
use store::backups;

pub(super) async fn run(
    settings: &Settings,
    as_json: bool,
    action: BackupsAction,
) -> anyhow::Result<ExitCode> {
    match action {
        // Without the API: copies are wanted most when the database cannot be opened.
        BackupsAction::List => {
            let list = backups::list(&settings.data_dir).await?;
            if as_json {
                out::json(&serde_json::to_value(&list)?);
            } else {
                let rows: Vec<_> = list
                    .iter()
                    .map(|copy| {
                        let sound = if copy.good { "sound" } else { "DAMAGED" };
                        vec![
                            copy.name.clone(),
                            copy.created_at.to_string(),
                            copy.size_bytes.to_string(),
                            sound.to_owned(),
                        ]
                    })
                    .collect();
                out::table(&["NAME", "MADE", "BYTES", "STATE"], &rows);
            }
        }
        BackupsAction::Create => {
            let session = offline::session(settings).await?;
            let copy = session.api.call("POST", "/api/v1/system/backups", None).await?;
            if as_json {
                out::json(&copy);
            } else {
                out::text(format!("made {}", copy["name"].as_str().unwrap_or_default()));
            }
        }
        BackupsAction::Restore { name } => {
            if LocalApi::running(&settings.data_dir).await.is_some() {
                bail!("Charon is running on this data folder; stop it first");
            }
            let list = backups::list(&settings.data_dir).await?;
            let copy = match &name {
                Some(name) => list.iter().find(|copy| copy.name == *name),
                None => list.iter().find(|copy| copy.good),
            };
            let copy = copy.context("there is no such copy; `charon backups list` shows what there is")?;
            let kept = backups::restore(&settings.data_dir, &settings.db_path, &copy.name).await?;
            let kept = kept.map(|path| path.display().to_string());
            if as_json {
                out::json(&json!({ "restored": copy.name, "kept": kept }));
            } else {
                out::text(format!("restored {} of {}", copy.name, copy.created_at));
                if let Some(kept) = kept {
                    out::text(format!("the file before is kept as {kept}"));
                }
                out::text("Start Charon now.");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
