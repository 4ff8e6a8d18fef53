//! The owner of the data folder, who needs no login: whoever may open the Unix socket there could read the
//! database and its key as well. The binary puts [`LocalOwner`] on that socket's requests and on no others.

use base::{Secret, Timestamp};
use store::users::{Role, User};

/// Marks a request that came over the socket of the data folder.
#[derive(Clone, Copy, Debug)]
pub struct LocalOwner;

/// The administrator that such a request acts as; it has no row.
pub(crate) fn user() -> User {
    User {
        id: 0,
        uuid: String::new(),
        email: "command line".to_owned(),
        name: "Command line".to_owned(),
        role: Role::Admin,
        enabled: true,
        password_hash: Secret::default(),
        failed_login_attempts: 0,
        locked_until: None,
        last_login: None,
        invite_status: String::new(),
        permission_mode: String::new(),
        password_changed_at: None,
        session_epoch: 0,
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
    }
}
