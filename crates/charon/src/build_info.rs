//! What this binary was built from. A build of a release sets the two variables.

pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
pub(crate) const GIT_COMMIT: &str = match option_env!("CHARON_GIT_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};
pub(crate) const BUILD_TIME: &str = match option_env!("CHARON_BUILD_TIME") {
    Some(time) => time,
    None => "unknown",
};

/// The same, for the API.
pub(crate) fn info() -> api::BuildInfo {
    api::BuildInfo {
        version: VERSION.to_owned(),
        git_commit: GIT_COMMIT.to_owned(),
        build_time: BUILD_TIME.to_owned(),
    }
}
