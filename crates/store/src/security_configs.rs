//! The one row that says how the security modules are wished to be. Older places of the same wish are folded into it.

use crate::{Audit, Error, Store, never_banned, settings};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::entity::prelude::*;
use sea_orm::{NotSet, QueryOrder};
use serde::Serialize;
use std::collections::BTreeMap;

/// One row of `security_configs`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "security_configs")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub uuid: String,
    #[sea_orm(default_value = "", indexed)]
    pub name: String,
    #[sea_orm(default_value = false)]
    pub enabled: bool,
    #[sea_orm(default_value = "")]
    pub admin_whitelist: String,
    #[sea_orm(default_value = "")]
    pub break_glass_hash: String,
    #[sea_orm(default_value = "disabled")]
    pub crowdsec_mode: String,
    #[sea_orm(default_value = "")]
    pub crowdsec_api_url: String,
    #[sea_orm(default_value = "disabled")]
    pub waf_mode: String,
    #[sea_orm(default_value = "")]
    pub waf_rules_source: String,
    #[sea_orm(default_value = false)]
    pub waf_learning: bool,
    #[sea_orm(default_value = 1)]
    pub waf_paranoia_level: i64,
    #[sea_orm(default_value = "[]")]
    pub waf_exclusions: String,
    #[sea_orm(default_value = false)]
    pub rate_limit_enable: bool,
    #[sea_orm(default_value = "disabled")]
    pub rate_limit_mode: String,
    #[sea_orm(default_value = 0)]
    pub rate_limit_burst: i64,
    #[sea_orm(default_value = 0)]
    pub rate_limit_requests: i64,
    #[sea_orm(default_value = 0)]
    pub rate_limit_window_sec: i64,
    #[sea_orm(default_value = "")]
    pub rate_limit_bypass_list: String,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
    #[sea_orm(default_value = 0)]
    pub updated_at: i64,
}

/// This table points at no other.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What is wished.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Wishes {
    /// CrowdSec shall protect.
    pub crowdsec: bool,
    /// It is that of another machine, see [`crate::crowdsec_external`]; else it shall run here.
    pub external: bool,
    /// Addresses and networks that are never banned, as they were written.
    pub never_banned: Vec<String>,
}

impl From<&Model> for Wishes {
    fn from(row: &Model) -> Self {
        let entries = row.admin_whitelist.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let (crowdsec, external) = read(&row.crowdsec_mode);
        Self { crowdsec, external, never_banned: entries.map(str::to_owned).collect() }
    }
}

/// What is to change; `None` stays.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Change {
    /// See [`Wishes::crowdsec`].
    pub crowdsec: Option<bool>,
    /// See [`Wishes::external`].
    pub external: Option<bool>,
    /// See [`Wishes::never_banned`].
    pub never_banned: Option<Vec<String>>,
}

/// The mode of an agent that runs here.
const LOCAL: &str = "local";
/// The mode of an agent that runs on another machine.
const EXTERNAL: &str = "external";
/// Off; when it is switched on, it is that of another machine.
const EXTERNAL_OFF: &str = "external-off";

/// Whether it is on, and whether it is that of another machine.
fn read(mode: &str) -> (bool, bool) {
    (mode == LOCAL || mode == EXTERNAL, mode == EXTERNAL || mode == EXTERNAL_OFF)
}

fn mode(on: bool, external: bool) -> &'static str {
    match (on, external) {
        (true, false) => LOCAL,
        (true, true) => EXTERNAL,
        (false, true) => EXTERNAL_OFF,
        (false, false) => "disabled",
    }
}

/// Settings of the original that said the same.
const OLD_KEYS: [&str; 2] = ["security.crowdsec.enabled", "security.crowdsec.mode"];
/// What was folded in, as a JSON object of names and values.
const FOLDED: &str = "security.crowdsec.folded";

/// The row that counts: the one named `default`, else the oldest.
pub(crate) async fn row(connection: &impl ConnectionTrait) -> Result<Option<Model>, Error> {
    let named =
        Entity::find().filter(Column::Name.eq("default")).order_by_asc(Column::Id).one(connection).await?;
    match named {
        Some(row) => Ok(Some(row)),
        None => Ok(Entity::find().order_by_asc(Column::Id).one(connection).await?),
    }
}

pub(crate) fn new_row(now: i64) -> ActiveModel {
    ActiveModel {
        uuid: Set(base::random::uuid()),
        name: Set("default".to_owned()),
        created_at: Set(now),
        updated_at: Set(now),
        ..<ActiveModel as ActiveModelTrait>::default()
    }
}

pub(crate) fn changed(row: &Model, now: i64) -> ActiveModel {
    ActiveModel {
        id: Unchanged(row.id),
        updated_at: Set(now),
        ..<ActiveModel as ActiveModelTrait>::default()
    }
}

/// What is wished, without entries whose time is over; nothing while there is no row.
///
/// # Errors
/// When the database cannot be read.
pub async fn wishes(store: &Store) -> Result<Wishes, Error> {
    let mut wishes = row(store.read()).await?.as_ref().map(Wishes::from).unwrap_or_default();
    if !wishes.never_banned.is_empty() {
        let over = never_banned::over(store).await?;
        wishes.never_banned.retain(|entry| !over.contains(entry));
    }
    Ok(wishes)
}

/// The address of LAPI that the original has kept, and never used.
pub(crate) async fn api_url(store: &Store) -> Result<String, Error> {
    Ok(row(store.read()).await?.map(|row| row.crowdsec_api_url).unwrap_or_default())
}

/// Changes what is wished, and returns it.
///
/// # Errors
/// When the database cannot be written.
pub async fn update(store: &Store, change: Change, mut audit: Audit) -> Result<Wishes, Error> {
    let mut write = store.write().await?;
    let now = store.now().millis();
    let known = row(&*write).await?;
    let mut active = match &known {
        Some(row) => changed(row, now),
        None => new_row(now),
    };
    let (on, external) = known.as_ref().map(|row| read(&row.crowdsec_mode)).unwrap_or_default();
    let wanted = mode(change.crowdsec.unwrap_or(on), change.external.unwrap_or(external));
    active.crowdsec_mode = Set(wanted.to_owned());
    if let Some(list) = change.never_banned {
        never_banned::prune(&*write, &list, store.now()).await?;
        active.admin_whitelist = Set(list.join(","));
    }
    let row = match &known {
        Some(_) => active.update(&*write).await?,
        None => active.insert(&*write).await?,
    };
    let wishes = Wishes::from(&row);
    audit.before = serde_json::to_value(known.as_ref().map(Wishes::from).unwrap_or_default()).ok();
    audit.after = serde_json::to_value(&wishes).ok();
    write.audit(audit.about(&row.uuid)).await?;
    write.serves();
    write.commit().await?;
    Ok(wishes)
}

/// What [`fold`] has done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Folded {
    /// The same as a sentence.
    pub sentence: String,
    /// An older place had something to say, which a person should see.
    pub notable: bool,
}

/// Folds older places of the wish for CrowdSec into the row, each of their values once: settings of the original, and
/// `environment`, a variable's name and value. Makes the row when there is none. Returns what was done;
/// `None` when there was nothing to do.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn fold(store: &Store, environment: Option<(&str, &str)>) -> Result<Option<Folded>, Error> {
    use settings::{Column as Key, Entity as Settings};
    let old = Settings::find().filter(Key::Key.is_in(OLD_KEYS)).all(store.read()).await?;
    let mut sources: BTreeMap<String, String> =
        old.into_iter().map(|row| (format!("the setting {}", row.key), row.value)).collect();
    sources.extend(environment.map(|(name, value)| (format!("the variable {name}"), value.to_owned())));
    let folded = settings::get(store, FOLDED).await?.map(|setting| setting.value).unwrap_or_default();
    let folded: BTreeMap<String, String> = serde_json::from_str(&folded).unwrap_or_default();
    let known = row(store.read()).await?;
    let new: Vec<_> = sources.iter().filter(|(name, value)| folded.get(*name) != Some(value)).collect();
    if new.is_empty() && known.is_some() {
        return Ok(None);
    }
    let says_on = |value: &str| value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case(LOCAL);
    let wanted_by: Vec<&str> =
        new.iter().filter(|(_, value)| says_on(value)).map(|(name, _)| name.as_str()).collect();
    let (was_on, external) = known.as_ref().map(|row| read(&row.crowdsec_mode)).unwrap_or_default();
    let on = was_on || !wanted_by.is_empty();
    let mut sentence = match (&known, was_on, wanted_by.is_empty()) {
        (_, false, false) => format!(
            "CrowdSec was switched on, since {} says so{}",
            wanted_by.join(" and "),
            if known.is_some() { " and the stored configuration did not" } else { "" }
        ),
        (None, ..) => "a security configuration was made, with CrowdSec switched off".to_owned(),
        (Some(_), true, _) => "CrowdSec stays switched on, as the stored configuration says".to_owned(),
        (Some(_), false, true) => "CrowdSec stays switched off, as the stored configuration says".to_owned(),
    };
    let notable = !new.is_empty();
    if notable {
        let names: Vec<&str> = new.iter().map(|(name, _)| name.as_str()).collect();
        sentence.push_str(&format!("; from now on {} is not looked at any more", names.join(" and ")));
    }

    let mut write = store.write().await?;
    let now = store.now().millis();
    let mut active = match &known {
        Some(row) => changed(row, now),
        None => new_row(now),
    };
    active.crowdsec_mode = Set(mode(on, external).to_owned());
    let row = match &known {
        Some(_) => active.update(&*write).await?,
        None => active.insert(&*write).await?,
    };
    if !sources.is_empty() {
        Settings::delete_many().filter(Key::Key.eq(FOLDED)).exec(&*write).await?;
        let setting = settings::ActiveModel {
            id: NotSet,
            key: Set(FOLDED.to_owned()),
            value: Set(serde_json::to_string(&sources).unwrap_or_default()),
            r#type: Set("json".to_owned()),
            category: Set("security".to_owned()),
            secret: Set(false),
            updated_at: Set(now),
        };
        setting.insert(&*write).await?;
    }
    let audit = Audit {
        resource_type: "security_configs".to_owned(),
        ..Audit::system("update", "security", sentence.clone())
    };
    write.audit(audit.about(&row.uuid)).await?;
    write.serves();
    write.commit().await?;
    Ok(Some(Folded { sentence, notable }))
}

/// How long bans of CrowdSec last: minutes of the first, of the second, and so on; JSON.
const ESCALATION: &str = "security.crowdsec.escalation";

/// How long bans of CrowdSec shall last, in minutes; `None` while nobody has said.
///
/// # Errors
/// When the database cannot be read.
pub async fn escalation(store: &Store) -> Result<Option<Vec<u32>>, Error> {
    let setting = settings::get(store, ESCALATION).await?;
    Ok(setting.and_then(|setting| serde_json::from_str(&setting.value).ok()))
}

/// Says how long bans of CrowdSec shall last, in minutes.
///
/// # Errors
/// When the database cannot be written.
pub async fn set_escalation(store: &Store, minutes: &[u32], audit: Audit) -> Result<(), Error> {
    let setting = settings::NewSetting {
        key: ESCALATION.to_owned(),
        value: serde_json::to_string(minutes).unwrap_or_default(),
        r#type: "json".to_owned(),
        category: "security".to_owned(),
    };
    settings::set(store, &[setting], audit).await.map(drop)
}
