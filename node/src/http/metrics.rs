//! `/metrics` in the Prometheus text format, version 0.0.4 (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//! Names are `dcache_<noun>_<unit|total>`; every figure that can be told per namespace is. This node's own figures only.

use crate::cluster::Cluster;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use dcache_protocol::control::{LinkLag, NamespaceFigures, NodeReport, ReplicationFigures};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Upper bounds of the latency histogram's buckets.
const LATENCY_BOUNDS: [(&str, Duration); 12] = [
    ("0.00001", Duration::from_micros(10)),
    ("0.000025", Duration::from_micros(25)),
    ("0.00005", Duration::from_micros(50)),
    ("0.0001", Duration::from_micros(100)),
    ("0.00025", Duration::from_micros(250)),
    ("0.0005", Duration::from_micros(500)),
    ("0.001", Duration::from_millis(1)),
    ("0.0025", Duration::from_micros(2500)),
    ("0.01", Duration::from_millis(10)),
    ("0.05", Duration::from_millis(50)),
    ("0.25", Duration::from_millis(250)),
    ("1", Duration::from_secs(1)),
];

pub async fn metrics(State(cluster): State<Arc<Cluster>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], render(&cluster))
}

fn render(cluster: &Cluster) -> String {
    let report = cluster.report();
    let mut text = Text::default();
    node_figures(&mut text, cluster, &report);
    command_figures(&mut text, cluster);
    namespace_figures(&mut text, &report);
    replication_figures(&mut text, &report.replication);
    text.0
}

fn node_figures(text: &mut Text, cluster: &Cluster, report: &NodeReport) {
    let traffic = &report.traffic;
    let cut = &cluster.shared.cut;
    text.head("dcache_build_info", "gauge", "Version of this node.");
    text.line("dcache_build_info", &[("version", dcache_protocol::VERSION), ("node", &report.name)], 1);
    let gauges = [
        ("dcache_uptime_seconds", "Time since the node's start.", report.uptime_ms / 1000),
        ("dcache_epoch", "Epoch of the metadata this node acts on.", report.epoch.0),
        ("dcache_memory_used_bytes", "Memory of entries: keys, values, overhead.", report.memory_used_bytes),
        ("dcache_memory_limit_bytes", "Limit of that memory.", report.memory_limit_bytes),
        ("dcache_resident_bytes", "Resident memory of the process.", report.resident_bytes),
        ("dcache_buffer_bytes", "Memory of clients' and links' buffers.", report.buffer_bytes),
        ("dcache_items", "Entries held.", report.items),
        ("dcache_connections", "Clients connected.", report.connections),
    ];
    for (name, help, value) in gauges {
        text.head(name, "gauge", help);
        text.line(name, &[], value);
    }
    let counters = [
        ("dcache_connections_total", "Clients accepted.", report.connections_total),
        ("dcache_connections_rejected_total", "Clients refused for their number.", report.connections_rejected),
        ("dcache_received_bytes_total", "Bytes read from clients.", traffic.bytes_in),
        ("dcache_sent_bytes_total", "Bytes of replies to clients.", traffic.bytes_out),
        ("dcache_forwarded_total", "Requests passed on to their owner.", traffic.forwarded),
        ("dcache_forward_errors_total", "Of these, without an answer of the owner.", traffic.forward_errors),
        ("dcache_copy_reads_total", "Reads answered by copies of what other nodes serve.", traffic.copy_reads),
        ("dcache_served_for_peers_total", "Requests of other nodes answered.", traffic.served_for_peers),
    ];
    for (name, help, value) in counters {
        text.head(name, "counter", help);
        text.line(name, &[], value);
    }
    let name = "dcache_clients_closed_total";
    text.head(name, "counter", "Clients closed for passing a bound, by reason.");
    text.line(name, &[("reason", "unread_replies")], cut.unread.load(Relaxed) + cut.stalled.load(Relaxed));
    text.line(name, &[("reason", "buffers_full")], cut.buffers_full.load(Relaxed));
}

fn command_figures(text: &mut Text, cluster: &Cluster) {
    let called = cluster.shared.core.latencies_by_command();
    text.head("dcache_requests_total", "counter", "Requests of clients by command and result.");
    for (command, totals, _) in &called {
        let ok = totals.calls - totals.failed.min(totals.calls);
        for (result, value) in [("ok", ok), ("error", totals.failed), ("rejected", totals.rejected)] {
            text.line("dcache_requests_total", &[("command", command), ("result", result)], value);
        }
    }
    let name = "dcache_request_duration_seconds";
    text.head(name, "histogram", "From a request's bytes at hand to its reply encoded, forwarding included.");
    let bounds = LATENCY_BOUNDS.map(|(_, bound)| bound);
    for (command, totals, latencies) in &called {
        for ((bound, _), count) in LATENCY_BOUNDS.iter().zip(latencies.cumulative(&bounds)) {
            text.line(&format!("{name}_bucket"), &[("command", command), ("le", bound)], count);
        }
        text.line(&format!("{name}_bucket"), &[("command", command), ("le", "+Inf")], latencies.count());
        text.line(&format!("{name}_sum"), &[("command", command)], totals.nanoseconds as f64 / 1e9);
        text.line(&format!("{name}_count"), &[("command", command)], latencies.count());
    }
}

fn namespace_figures(text: &mut Text, report: &NodeReport) {
    type Figure = fn(&NamespaceFigures) -> u64;
    let figures: [(&str, &str, &str, Figure); 10] = [
        ("dcache_namespace_items", "gauge", "Entries of the namespace.", |n| n.items),
        ("dcache_namespace_stored_bytes", "gauge", "Bytes of its keys and values.", |n| n.stored_bytes),
        ("dcache_namespace_memory_used_bytes", "gauge", "Memory of its entries.", |n| n.memory_used_bytes),
        ("dcache_hits_total", "counter", "Lookups that found their key.", |n| n.hits),
        ("dcache_misses_total", "counter", "Lookups that did not.", |n| n.misses),
        ("dcache_sets_total", "counter", "Entries written.", |n| n.sets),
        ("dcache_deletes_total", "counter", "Entries deleted on request.", |n| n.deletes),
        ("dcache_evictions_total", "counter", "Entries evicted for space.", |n| n.evictions),
        ("dcache_expirations_total", "counter", "Entries whose time ran out.", |n| n.expirations),
        ("dcache_refused_writes_total", "counter", "Writes refused for lack of space.", |n| n.refused),
    ];
    for (name, kind, help, figure) in figures {
        text.head(name, kind, help);
        for namespace in &report.namespaces {
            text.line(name, &[("namespace", &namespace.name)], figure(namespace));
        }
    }
    text.head("dcache_namespace_memory_max_bytes", "gauge", "Its maximum on this node, where it has one.");
    for namespace in &report.namespaces {
        if let Some(max) = namespace.memory_max_bytes {
            text.line("dcache_namespace_memory_max_bytes", &[("namespace", &namespace.name)], max);
        }
    }
    let help = "1; eviction is what the operator chose, policy what is in force.";
    text.head("dcache_namespace_policy_info", "gauge", help);
    for namespace in &report.namespaces {
        let policy = namespace.chosen.first().map_or(namespace.eviction, |choice| choice.policy);
        let labels =
            [("namespace", &*namespace.name), ("eviction", namespace.eviction.name()), ("policy", policy.name())];
        text.line("dcache_namespace_policy_info", &labels, 1);
    }
}

fn replication_figures(text: &mut Text, figures: &ReplicationFigures) {
    type Figure = fn(&LinkLag) -> f64;
    let of_link: [(&str, &str, Figure); 4] = [
        ("dcache_replication_copies_in_sync", "Copies in sync of partitions served here, by node.", |l| {
            l.in_sync.into()
        }),
        ("dcache_replication_copies_building", "Copies being built of partitions served here.", |l| l.building.into()),
        ("dcache_replication_lag_entries", "Entries that copies in sync have not acknowledged.", |l| l.entries as f64),
        ("dcache_replication_lag_seconds", "Age of the oldest of them.", |l| l.lag_ms as f64 / 1000.0),
    ];
    for (name, help, figure) in of_link {
        text.head(name, "gauge", help);
        for link in &figures.links {
            text.line(name, &[("to", &link.node)], figure(link));
        }
    }
    let others = [
        ("dcache_replication_log_bytes", "gauge", "Log kept for copies.", figures.log_bytes),
        ("dcache_replication_taken_over_total", "counter", "Partitions taken over.", figures.taken_over),
        ("dcache_replication_discarded_total", "counter", "Entries only this node had, discarded.", figures.discarded),
        ("dcache_replication_overflowed_total", "counter", "Messages sent again for lack of room.", figures.overflowed),
    ];
    for (name, kind, help, value) in others {
        text.head(name, kind, help);
        text.line(name, &[], value);
    }
}

/// The text so far. Writing to a `String` cannot fail.
#[derive(Default)]
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if index == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_prometheus_text() {
        let mut text = Text::default();
        text.head("a_total", "counter", "Help.");
        text.line("a_total", &[], 1);
        text.line("a_total", &[("x", "q\"\\"), ("y", "2")], 0.5);
        assert_eq!(
            text.0,
            "# HELP a_total Help.\n# TYPE a_total counter\na_total 1\na_total{x=\"q\\\"\\\\\",y=\"2\"} 0.5\n"
        );
    }
}
