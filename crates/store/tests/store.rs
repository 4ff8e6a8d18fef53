//! The store through its public functions, on a real file.

use base::{Clock, Problems, Secret, SystemClock};
use std::sync::Arc;
use store::{Audit, Options, Store, proxy_hosts, settings, users};

async fn open(folder: &std::path::Path) -> Store {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Store::open(Options::new(folder, clock.clone(), Problems::new(clock))).await.unwrap().0
}

#[tokio::test]
async fn hosts_users_and_settings_are_stored_and_changes_are_counted_and_called() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let wake = tasks::Wake::new();
    store.on_change(wake.clone());
    let values = proxy_hosts::HostValues {
        domain_names: vec!["a.example".into(), "b.example".into()],
        forward_host: "10.0.0.1".into(),
        forward_port: 80,
        locations: vec![store::locations::Location {
            path: "/api".into(),
            forward_host: "x".into(),
            forward_port: 1,
            ..Default::default()
        }],
        ..Default::default()
    };
    let host = proxy_hosts::insert(&store, &values, Audit::default()).await.unwrap();
    wake.called().await;
    assert_eq!(store.change_number().await.unwrap(), 1);
    assert_eq!(proxy_hosts::list(&store).await.unwrap(), [host.clone()]);
    let mut changed = host.values.clone();
    changed.forward_port = 81;
    let after = proxy_hosts::update(&store, &host.uuid, &changed, Audit::default()).await.unwrap();
    assert_eq!((after.forward_port, &after.locations), (81, &host.locations));
    assert_eq!(proxy_hosts::owners(&store, &["B.Example".into()], None).await.unwrap()[0].uuid, host.uuid);
    assert!(proxy_hosts::owners(&store, &["B.Example".into()], Some(&host.uuid)).await.unwrap().is_empty());

    let user = users::NewUser {
        email: "Admin@Example.com".into(),
        name: String::new(),
        role: users::Role::Admin,
        enabled: true,
        password_hash: Secret::new("x".into()),
    };
    let user = users::insert_first(&store, &user, Audit::default()).await.unwrap();
    assert!(users::find_by_email(&store, "admin@EXAMPLE.com").await.unwrap().is_some());
    let refused = users::delete(&store, &user.uuid, Audit::default()).await.unwrap_err();
    assert!(matches!(refused, store::Error::Conflict { .. }), "{refused}");

    let secret =
        settings::NewSetting { key: "smtp_password".into(), value: "pw".into(), ..Default::default() };
    settings::set(&store, &[secret], Audit::default()).await.unwrap();
    assert_eq!(settings::get(&store, "smtp_password").await.unwrap().unwrap().value, "");
    assert_eq!(settings::secret_value(&store, "smtp_password").await.unwrap().unwrap().expose(), "pw");
    let entries = store::security_audits::list(&store, &Default::default(), 10).await.unwrap();
    assert_eq!(entries.len(), 4);
    assert!(entries.iter().all(|entry| !format!("{entry:?}").contains("\"pw\"")));
}
