//! Access lists: which client addresses may reach a host.

use crate::log::Fault;
use crate::pipeline::{Call, Flow, Stop};

pub(crate) fn run(call: &mut Call<'_>) -> Flow {
    let config = &call.snapshot.config;
    let access = call.host.and_then(|host| config.hosts.all()[host].access.as_ref());
    let Some(access) = access.filter(|access| access.networks.contain(call.client_ip) != access.allow) else {
        return Flow::Continue(());
    };
    let reason = "Your address may not reach this host.";
    let stop = Stop::new("access", 403, Fault::Client, reason);
    Flow::Break(Stop { rule: Some(access.name.clone()), ..stop })
}
