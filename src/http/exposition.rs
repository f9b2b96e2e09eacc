//! The two text forms of metrics: OpenMetrics 1.0, and the older one of Prometheus, which whoever
//! does not ask for the first gets.

use http::{HeaderMap, header};

/// The media type of OpenMetrics.
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The media type of Prometheus' text format.
pub const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether a request asks for OpenMetrics.
#[must_use]
pub fn asks_for_open_metrics(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).into_iter();
    let mut ranges = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','));
    ranges.any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next() == Some("application/openmetrics-text");
        named && !parts.any(|part| matches!(part, "q=0" | "q=0.0"))
    })
}

/// OpenMetrics in the form of Prometheus: a counter's description bears the name of its samples, a
/// type that the older form lacks becomes a gauge, and nothing marks the end.
#[must_use]
pub fn to_prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut lines = open_metrics.lines().peekable();
    while let Some(line) = lines.next() {
        let described = |word: &str| {
            let rest = line.strip_prefix(word)?;
            rest.split_once(' ')
        };
        if let Some((name, help)) = described("# HELP ") {
            let kind = lines.peek().and_then(|next| next.rsplit(' ').next());
            let suffix = suffix(kind.unwrap_or_default());
            text.push_str(&format!("# HELP {name}{suffix} {help}\n"));
        } else if let Some((name, kind)) = described("# TYPE ") {
            let suffix = suffix(kind);
            let kind = match kind {
                "counter" | "gauge" | "histogram" | "summary" => kind,
                _ => "gauge",
            };
            text.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
        } else if !line.starts_with("# ") {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// What the samples of a type bear after its name.
fn suffix(kind: &str) -> &'static str {
    match kind {
        "counter" => "_total",
        "info" => "_info",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_become_what_prometheus_reads() {
        let open = "# HELP a_requests Requests.\n# TYPE a_requests counter\n\
            a_requests_total{x=\"1\"} 2\n# HELP a_build Build.\n# TYPE a_build info\n\
            a_build_info{v=\"1\"} 1\n# HELP a_up Up.\n# TYPE a_up gauge\n# UNIT a_up x\na_up 1\n# EOF\n";
        let want = "# HELP a_requests_total Requests.\n# TYPE a_requests_total counter\n\
            a_requests_total{x=\"1\"} 2\n# HELP a_build_info Build.\n# TYPE a_build_info gauge\n\
            a_build_info{v=\"1\"} 1\n# HELP a_up Up.\n# TYPE a_up gauge\na_up 1\n";
        assert_eq!(to_prometheus(open), want);
    }

    #[test]
    fn the_form_is_the_one_that_is_asked_for() {
        let check = |accept: &str, want: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(asks_for_open_metrics(&headers), want, "{accept}");
        };
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2";
        check(prometheus, true);
        check("text/plain;version=0.0.4;q=0.3,*/*;q=0.1", false);
        check("application/openmetrics-text;q=0, text/plain", false);
        assert!(!asks_for_open_metrics(&HeaderMap::new()));
    }
}
