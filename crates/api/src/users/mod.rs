//! `/users`: accounts, for administrators.

mod create;
mod delete;
mod get;
mod list;
mod password;
mod unlock;
mod update;
mod view;

use crate::error::{Error, Result};
use crate::state::State;
use base::FieldError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(get::get, update::update, delete::delete))
        .routes(routes!(password::password))
        .routes(routes!(unlock::unlock))
}

/// An e-mail address in lower case; a fault is added to `errors`. The local part may have what RFC 5322 calls
/// an atom; the domain is one of RFC 1123.
pub(crate) fn email(text: &str, errors: &mut Vec<FieldError>) -> String {
    let text = text.trim().to_lowercase();
    let local_fine = |local: &str| {
        (1..=64).contains(&local.len())
            && local
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte))
    };
    let domain_fine = |domain: &str| !domain.contains('_') && base::Domain::parse(domain).is_ok();
    match text.split_once('@') {
        Some((local, domain)) if local_fine(local) && domain_fine(domain) && text.len() <= 254 => {}
        _ => errors.push(FieldError::new("email", "write an e-mail address like ada@example.com")),
    }
    text
}

/// The account, or the answer that there is none.
async fn find(state: &State, uuid: &str) -> Result<store::users::User> {
    store::users::get(&state.store, uuid).await.map_err(|error| match error {
        store::Error::NotFound(_) => Error::NotFound("user"),
        other => other.into(),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn addresses_are_read_as_people_type_them_and_nothing_else_is() {
        for (typed, fine) in [
            ("Ada@Example.com ", true),
            ("a+b@localhost", true),
            ("a@b@c", false),
            ("ada", false),
            ("@example.com", false),
            ("a b@example.com", false),
            ("a@exa mple.com", false),
            ("a@-example.com", false),
            ("<script>@example.com", false),
        ] {
            let mut errors = Vec::new();
            super::email(typed, &mut errors);
            assert_eq!(errors.is_empty(), fine, "{typed}");
        }
    }
}
