//! What a request gets whose host is not known: settings `default_site.action` and `default_site.redirect_url`.

use base::{Code, Problem};
use proxy::spec::DefaultSite;
use std::collections::BTreeMap;

pub(super) fn compile(settings: &BTreeMap<String, String>, problems: &mut Vec<Problem>) -> DefaultSite {
    let text = |key: &str| settings.get(key).map(String::as_str).unwrap_or_default();
    let url = text("default_site.redirect_url");
    let fault = match text("default_site.action") {
        "" | "not_found" => return DefaultSite::NotFound,
        "close" => return DefaultSite::Close,
        "redirect" if url.starts_with("https://") || url.starts_with("http://") => {
            return DefaultSite::Redirect { url: url.to_owned() };
        }
        "redirect" => format!("its address '{url}' does not start with http:// or https://"),
        other => format!("its action '{other}' is none of not_found, redirect and close"),
    };
    problems.push(
        Problem::new(
            Code::HostSettingIgnored,
            format!("the default site cannot be used: {fault}; unknown hosts get a 404 page"),
            "set the default site in the settings",
        )
        .about("default site")
        .link("/settings"),
    );
    DefaultSite::NotFound
}
