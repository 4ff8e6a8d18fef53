//! Writes down what happened: counters, and one entry of the access log.

use crate::downstream::Volume;
use crate::log::{Fault, Protocol, Record, Texts};
use crate::pipeline::Call;
use crate::request::Version;
use crate::stats::Finished;
use std::time::Duration;

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

    let hosts = call.snapshot.config.hosts.all();
    let mut texts = Texts::with_capacity(
        64 + request.path().len()
            + request.query().map_or(0, <[u8]>::len)
            + request.user_agent().len()
            + request.referer().len(),
    );
    texts.push(call.host.map_or(b"", |host| hosts[host].id.as_bytes()));
    texts.push(request.authority());
    texts.push(request.method());
    texts.push(request.path());
    texts.push(request.query().unwrap_or_default());
    texts.push(request.user_agent());
    texts.push(request.referer());
    texts.push(seen.stop.as_ref().map_or(b"", |stop| stop.reason.as_bytes()));
    texts.push(seen.stop.as_ref().and_then(|stop| stop.rule.as_deref()).unwrap_or_default().as_bytes());
    texts.push(call.taken_id.as_deref().unwrap_or_default());
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let record = Record {
        time: worker.wall(call.started),
        request_id: call.id,
        client_ip: call.client_ip,
        protocol: match request.version {
            Version::Http10 => Protocol::Http10,
            Version::Http11 => Protocol::Http11,
            Version::Http2 => Protocol::Http2,
        },
        https: call.https,
        has_query: request.query().is_some(),
        status: seen.status,
        duration_us: micros(duration),
        upstream: seen.upstream.or(seen.trace.tried.get()),
        dns_us: seen.trace.dns.get().map(micros),
        connect_us: seen.trace.connect.get().map(micros),
        tls_us: seen.trace.tls.get().map(micros),
        upstream_us: seen.upstream_after.map(micros),
        bytes_in,
        bytes_out,
        phase: seen.stop.as_ref().map(|stop| stop.phase),
        fault: seen.fault,
        texts,
    };
    worker.log.send(record, &worker.stats);
}
