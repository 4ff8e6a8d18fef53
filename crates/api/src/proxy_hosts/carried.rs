//! Settings of a host that were carried from the original product and that the forms of this version do not make.
//! They can be seen and given up, one by one and on purpose.

use serde::{Deserialize, Serialize};
use store::proxy_hosts::HostValues;
use utoipa::ToSchema;

/// A carried setting. `access_list`: who may reach the host. `login`: a login in front of the application.
/// `advanced_config`: configuration that was written for Caddy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CarriedSetting)]
pub(crate) enum Carried {
    AccessList,
    Login,
    AdvancedConfig,
}

impl Carried {
    /// What a host carries.
    pub(super) fn of(values: &HostValues) -> Vec<Self> {
        [
            (Self::AccessList, values.access_list_id.is_some()),
            (Self::Login, values.forward_auth_enabled),
            (Self::AdvancedConfig, !values.advanced_config.is_empty()),
        ]
        .into_iter()
        .filter_map(|(setting, there)| there.then_some(setting))
        .collect()
    }

    /// Takes the setting off a host. The configuration for Caddy stays as its backup.
    pub(super) fn give_up(self, values: &mut HostValues) {
        match self {
            Self::AccessList => values.access_list_id = None,
            Self::Login => values.forward_auth_enabled = false,
            Self::AdvancedConfig if values.advanced_config.is_empty() => {}
            Self::AdvancedConfig => {
                values.advanced_config_backup = std::mem::take(&mut values.advanced_config);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_carried_setting_is_given_up_alone_and_the_text_for_caddy_is_kept() {
        let mut values = HostValues {
            access_list_id: Some(3),
            forward_auth_enabled: true,
            advanced_config: "{}".to_owned(),
            ..HostValues::default()
        };
        assert_eq!(Carried::of(&values), [Carried::AccessList, Carried::Login, Carried::AdvancedConfig]);
        Carried::AdvancedConfig.give_up(&mut values);
        Carried::AdvancedConfig.give_up(&mut values);
        assert_eq!((values.advanced_config.as_str(), values.advanced_config_backup.as_str()), ("", "{}"));
        Carried::AccessList.give_up(&mut values);
        assert_eq!(Carried::of(&values), [Carried::Login]);
    }
}
