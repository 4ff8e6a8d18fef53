//! Writes down what happened: counters, and one entry of the access log.

use crate::downstream::Volume;
use crate::log::{Fault, Protocol, Record, Stopped};
use crate::pipeline::Call;
use crate::request::Version;
use crate::stats::Finished;
use std::time::Duration;

/// Credentials of the scheme Basic (RFC 7617). A browser asks without any first, and tokens of other schemes end by
/// themselves: neither is a guess.
fn is_basic(value: &[u8]) -> bool {
    value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic "))
}

/// Never stops a request.
pub(crate) fn run(call: &mut Call<'_>, volume: Volume) {
    let Volume { bytes_in, bytes_out } = volume;
    let (worker, request, seen) = (call.worker, call.request, &call.seen);
    let duration = worker.clock.monotonic().saturating_sub(call.started);
    let finished = Finished { status: seen.status, bytes_in, bytes_out, duration };
    match call.host {
        Some(host) => call.snapshot.with_counters(&worker.stats, host, |counters| {
            worker.stats.count(Some(counters), finished);
        }),
        None => worker.stats.count(None, finished),
    }
    if seen.fault == Fault::Upstream {
        worker.stats.upstream_errors.add(1);
    }

    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let record = Record {
        time: worker.wall(call.started),
        request_id: call.id,
        taken_id: call.taken_id.as_deref(),
        client_ip: call.client_ip,
        host_id: call.host.map(|host| call.snapshot.config.hosts.all()[host].id.as_ref()),
        host: request.authority(),
        method: request.method(),
        path: request.path(),
        sent_path: request.sent_path(),
        query: request.query(),
        protocol: match request.version {
            Version::Http10 => Protocol::Http10,
            Version::Http11 => Protocol::Http11,
            Version::Http2 => Protocol::Http2,
            Version::Http3 => Protocol::Http3,
        },
        scheme: if call.https { "https" } else { "http" },
        status: seen.status,
        duration_us: micros(duration),
        upstream: seen.upstream.or(seen.trace.tried.get()),
        dns_us: seen.trace.dns.get().map(micros),
        connect_us: seen.trace.connect.get().map(micros),
        tls_us: seen.trace.tls.get().map(micros),
        upstream_us: seen.upstream_after.map(micros),
        bytes_in,
        bytes_out,
        user_agent: request.user_agent(),
        referer: request.referer(),
        // Looked for where it matters alone.
        login_failed: seen.status == 401 && request.headers("authorization").any(is_basic),
        stop: seen.stop.as_ref().map(|stop| Stopped {
            phase: stop.phase,
            reason: &stop.reason,
            rule: stop.rule.as_deref(),
        }),
        fault: seen.fault,
    };
    if !worker.log.put(&record) {
        worker.stats.log_dropped.add(1);
    }
}
