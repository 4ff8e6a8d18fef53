//! What the API sees of the configuration of CrowdSec's agent: translation, nothing else.

use api::engines::{
    AgentAction, AgentConfiguration, AgentFile, AgentFileContent, AgentHub, AgentPreview, BoxFuture,
    FileOrigin, HubItem, HubPreset, HubUpgrade, PresetState,
};
use crowdsec::{
    Change, ConfigFile, Item, Listed, Origin, PRESETS, Place, Preset, current, find, hub, preview,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the agent and its configuration lie.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) place: Arc<Place>,
    pub(crate) program: Option<PathBuf>,
}

impl AgentConfiguration for Agent {
    fn hub(&self) -> BoxFuture<'_, AgentHub> {
        let Self { place, program } = self.clone();
        Box::pin(async move {
            let looked = blocking(move || look(&place, program)).await;
            looked.unwrap_or_else(|message| AgentHub { message, ..AgentHub::default() })
        })
    }

    fn preview(&self, action: AgentAction, about: String) -> BoxFuture<'_, Result<AgentPreview, String>> {
        let Self { place, program } = self.clone();
        let work = move || {
            let change = Change::parse(action.as_str(), &about, None)?;
            let installed = find(program.as_deref()).map_err(|lacks| format!("{lacks}; {}", lacks.remedy))?;
            let shown = preview(&place, &installed, &change).map_err(|error| error.to_string())?;
            let upgrade =
                |(item, from, to): (Item, String, String)| HubUpgrade { item: item.into(), from, to };
            Ok(AgentPreview {
                adds: texts(shown.adds),
                removes: texts(shown.removes),
                upgrades: shown.upgrades.into_iter().map(upgrade).collect(),
                fetches: texts(shown.fetches),
            })
        };
        Box::pin(async move { blocking(work).await? })
    }

    fn files(&self) -> BoxFuture<'_, Result<Vec<AgentFile>, String>> {
        let Self { place, program } = self.clone();
        let work = move || {
            let installed = find(program.as_deref()).map_err(|lacks| format!("{lacks}; {}", lacks.remedy))?;
            let files = crowdsec::files(&place, &installed).map_err(|error| error.to_string())?;
            Ok(files.into_iter().map(shown_file).collect())
        };
        Box::pin(async move { blocking(work).await? })
    }

    fn file(&self, path: String) -> BoxFuture<'_, Result<Option<AgentFileContent>, String>> {
        let Self { place, program } = self.clone();
        let work = move || {
            let installed = find(program.as_deref()).map_err(|lacks| format!("{lacks}; {}", lacks.remedy))?;
            let read = crowdsec::read_file(&place, &installed, &path).map_err(|error| error.to_string())?;
            Ok(read.map(|(file, content)| AgentFileContent {
                digest: crowdsec::digest_of(content.as_bytes()),
                content,
                file: shown_file(file),
            }))
        };
        Box::pin(async move { blocking(work).await? })
    }

    fn is_registered(&self) -> bool {
        crowdsec::is_registered(&self.place)
    }

    fn refuse_path(&self, path: &str) -> Option<String> {
        crowdsec::own_path(path).err()
    }

    fn export(&self) -> BoxFuture<'_, Result<Vec<u8>, String>> {
        let place = self.place.clone();
        let work = move || crowdsec::export(&place).map_err(|error| error.to_string());
        Box::pin(async move { blocking(work).await? })
    }

    fn stage(&self, content: Vec<u8>) -> BoxFuture<'_, Result<String, String>> {
        let place = self.place.clone();
        let work = move || crowdsec::stage(&place, &content).map_err(|error| error.to_string());
        Box::pin(async move { blocking(work).await? })
    }
}

fn shown_file(file: ConfigFile) -> AgentFile {
    AgentFile {
        path: file.path,
        origin: match file.origin {
            Origin::Hub => FileOrigin::Hub,
            Origin::Package => FileOrigin::Package,
            Origin::Charon => FileOrigin::Charon,
            Origin::Own => FileOrigin::Own,
        },
        editable: file.editable,
        replaces: file.replaces,
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())
}

fn look(place: &Place, program: Option<PathBuf>) -> AgentHub {
    let installed = match find(program.as_deref()) {
        Ok(installed) => installed,
        Err(lacks) => return AgentHub { message: lacks.what, remedy: lacks.remedy, ..AgentHub::default() },
    };
    let edition = current(place).number;
    let (hub, list) = match hub(place, &installed) {
        Ok(found) => found,
        Err(error) => {
            let remedy =
                "go back to an earlier configuration, or install the package crowdsec anew".to_owned();
            return AgentHub { message: error.to_string(), remedy, edition, ..AgentHub::default() };
        }
    };
    let on: BTreeMap<&Item, bool> = list.iter().map(|listed| (&listed.item, listed.installed)).collect();
    let presets = PRESETS.iter().map(|preset| shown_preset(preset, &on)).collect();
    AgentHub {
        available: true,
        updated: hub.updated,
        edition,
        presets,
        items: list.iter().map(shown_item).collect(),
        ..AgentHub::default()
    }
}

fn shown_preset(preset: &Preset, on: &BTreeMap<&Item, bool>) -> HubPreset {
    let (items, own) = (preset.items(), preset.own());
    let there = own.iter().filter(|item| on.get(item).is_some_and(|on| *on)).count();
    let state = if items.iter().any(|item| !on.contains_key(item)) {
        PresetState::Unavailable
    } else if there == own.len() {
        PresetState::On
    } else if there > 0 {
        PresetState::Partly
    } else {
        PresetState::Off
    };
    HubPreset {
        slug: preset.slug.to_owned(),
        name: preset.name.to_owned(),
        summary: preset.summary.to_owned(),
        state,
        items: texts(items),
    }
}

fn shown_item(listed: &Listed) -> HubItem {
    HubItem {
        item: listed.item.to_string(),
        kind: listed.item.kind.as_str().to_owned(),
        name: listed.item.name.clone(),
        description: listed.description.clone(),
        installed: listed.installed,
        chosen: listed.chosen,
        needed: listed.needed,
        left_out: listed.left_out,
        here: listed.here,
        version: listed.version.clone(),
        latest: listed.latest.clone(),
        upgrade: listed.upgrade(),
        tainted: listed.tainted,
        local: listed.local,
        members: texts(listed.members.clone()),
    }
}

fn texts(items: Vec<Item>) -> Vec<String> {
    items.into_iter().map(String::from).collect()
}
