//! Who did what: written in the same transaction as the deed itself.

use crate::error::Error;
use crate::security_audits;
use base::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::{ActiveModelTrait, ConnectionTrait};

/// What an audit entry says. Secrets must not stand in `before`, `after` and `details`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Audit {
    /// Who: an e-mail address, `token NAME`, `cli` or `system`.
    pub actor: String,
    /// What was done: `create`, `update`, `delete`, `login` ...
    pub action: String,
    /// The area: `proxy_hosts`, `users`, `settings` ...
    pub category: String,
    /// The kind of row, by its table's name.
    pub resource_type: String,
    /// The row's public id. Empty on insert: the new row's id is filled in.
    pub resource_id: String,
    /// One sentence for people.
    pub details: String,
    /// The row before the deed.
    pub before: Option<serde_json::Value>,
    /// The row after the deed.
    pub after: Option<serde_json::Value>,
    /// Address of the client.
    pub ip_address: String,
    /// The client's `User-Agent`.
    pub user_agent: String,
    /// Id of the request, as in the log.
    pub request_id: String,
}

impl Audit {
    /// An entry of the system itself, without a person.
    pub fn system(action: &str, category: &str, details: impl Into<String>) -> Self {
        Self {
            actor: "system".to_owned(),
            action: action.to_owned(),
            category: category.to_owned(),
            details: details.into(),
            ..Self::default()
        }
    }

    pub(crate) fn about(mut self, resource_id: &str) -> Self {
        if self.resource_id.is_empty() {
            resource_id.clone_into(&mut self.resource_id);
        }
        self
    }

    pub(crate) async fn write(self, connection: &impl ConnectionTrait, now: Timestamp) -> Result<(), Error> {
        let json =
            |value: Option<serde_json::Value>| value.map(|value| value.to_string()).unwrap_or_default();
        security_audits::ActiveModel {
            id: NotSet,
            uuid: Set(base::random::uuid()),
            actor: Set(self.actor),
            action: Set(self.action),
            category: Set(self.category),
            resource_type: Set(self.resource_type),
            resource_id: Set(self.resource_id),
            details: Set(self.details),
            before_json: Set(json(self.before)),
            after_json: Set(json(self.after)),
            ip_address: Set(self.ip_address),
            user_agent: Set(self.user_agent),
            request_id: Set(self.request_id),
            created_at: Set(now.millis()),
        }
        .insert(connection)
        .await?;
        Ok(())
    }
}
