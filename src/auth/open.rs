//! When no token is needed, and how that stays safe.
//!
//! Open mode makes every caller the local developer. That is safe only while
//! nobody but this machine can reach the service: neither over its own port,
//! nor over a NATS server, nor through a web page open in the developer's
//! browser. The addresses that were asked for are judged once, at the start; a
//! NATS server with every connection, by what it says of itself, for one on
//! this machine may listen on every address; a web page with every request, by
//! its `Host` (a page that rebinds its name to 127.0.0.1 still sends that name)
//! and by its `Origin`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use thiserror::Error;

/// The ways in which callers are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Every caller is the local developer, and no token is needed.
    Open,
    /// Every caller must show a signed token.
    Jwt,
}

/// The text is neither `open` nor `jwt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the authentication mode is `open` or `jwt`")]
pub struct UnknownMode;

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        match text {
            "open" => Ok(Mode::Open),
            "jwt" => Ok(Mode::Jwt),
            _ => Err(UnknownMode),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Open => "open",
            Mode::Jwt => "jwt",
        })
    }
}

/// The reasons for which the service does not start without tokens: it exits with 2.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RefusedOpen {
    /// The port could be reached from other machines.
    #[error(
        "{listen} can be reached from other machines, and without tokens everybody would be \
         an administrator: start with `--auth jwt`, or listen on 127.0.0.1"
    )]
    Listen {
        /// The address that was asked for.
        listen: SocketAddr,
    },
    /// The NATS server is on another machine.
    #[error(
        "the NATS server at {host} is on another machine, and without tokens everybody who \
         reaches it would be an administrator: start with `--auth jwt`"
    )]
    Nats {
        /// The host of the first such server.
        host: String,
    },
    /// The broker is on this machine, and others can reach it.
    #[error(
        "the NATS server can be reached from other machines ({how}), and without tokens everybody \
         who reaches it would be an administrator: start it with `nats-server -a 127.0.0.1 -js`, \
         or start contactd with `--auth jwt`"
    )]
    Broker {
        /// The part of the server's INFO that shows that others can reach it.
        how: String,
    },
}

/// What a NATS server says of itself when a client connects (its INFO message).
#[derive(Debug, Clone, Copy)]
pub struct BrokerInfo<'a> {
    /// The host it listens on or advertises; `0.0.0.0` stands for every address.
    pub host: &'a str,
    /// The addresses at which clients can reach the servers of its cluster, as `HOST:PORT`.
    pub connect_urls: &'a [String],
    /// The name of its cluster, if it is in one.
    pub cluster: Option<&'a str>,
}

/// Whether nobody but this machine can reach a NATS server, by what it says of
/// itself. What it does not say, such as a websocket or a leaf node port, is
/// not seen.
///
/// # Errors
/// [`RefusedOpen::Broker`] where others can.
pub fn check_broker(info: BrokerInfo<'_>) -> Result<(), RefusedOpen> {
    let refused = |how: String| Err(RefusedOpen::Broker { how });
    if !is_loopback_host(info.host) {
        return refused(format!("it listens on {:?}", info.host));
    }
    if let Some(cluster) = info.cluster.filter(|name| !name.is_empty()) {
        return refused(format!("it is in the cluster {cluster:?}"));
    }
    let host = |url: &&String| {
        let host = url.rsplit_once(':').map_or(url.as_str(), |(host, _)| host);
        !is_loopback_host(host)
    };
    match info.connect_urls.iter().find(host) {
        Some(url) => refused(format!("it is also at {url:?}")),
        None => Ok(()),
    }
}

/// The mode to run in: the one asked for, else jwt if there is a key set, else
/// open; and open only while nobody but this machine can reach the service.
///
/// `nats_hosts` are the hosts of the NATS URLs, names or addresses. A name is
/// not looked up: only `localhost` is this machine.
///
/// # Errors
/// [`RefusedOpen`] where it would be open to others.
pub fn check_open<'a>(
    asked: Option<Mode>,
    listen: SocketAddr,
    nats_hosts: impl IntoIterator<Item = &'a str>,
    jwks_given: bool,
) -> Result<Mode, RefusedOpen> {
    let mode = match asked {
        Some(mode) => mode,
        None if jwks_given => Mode::Jwt,
        None => Mode::Open,
    };
    if mode == Mode::Jwt {
        return Ok(mode);
    }
    if !listen.ip().to_canonical().is_loopback() {
        return Err(RefusedOpen::Listen { listen });
    }
    match nats_hosts.into_iter().find(|host| !is_loopback_host(host)) {
        None => Ok(mode),
        Some(host) => Err(RefusedOpen::Nats {
            host: host.to_owned(),
        }),
    }
}

/// Whether the host of a URL is this machine: `localhost` or a loopback
/// address, an IPv6 one with or without brackets.
pub(super) fn is_loopback_host(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// Whether open mode answers a request with these headers: its `Host` is
/// localhost, 127.0.0.1 or `[::1]`, on any port (a tunnel may change it), and its
/// `Origin`, if there is one, is a page of our own: one of those hosts on the
/// request's port or the one we listen on.
pub fn origin_allowed(host: Option<&str>, origin: Option<&str>, listen: SocketAddr) -> bool {
    let Some(host_port) = host.and_then(local_port) else {
        return false;
    };
    let Some(origin) = origin else {
        return true;
    };
    let authority = (origin.strip_prefix("http://")).or_else(|| origin.strip_prefix("https://"));
    match authority.and_then(local_port) {
        None => false,
        Some(port) => port == host_port || port == Some(listen.port()),
    }
}

/// The port of a local authority, which may be left out; `None` if the
/// authority is not one of the three local names.
fn local_port(authority: &str) -> Option<Option<u16>> {
    let lower = authority.to_ascii_lowercase();
    let rest = ["localhost", "127.0.0.1", "[::1]"]
        .iter()
        .find_map(|name| lower.strip_prefix(name))?;
    if rest.is_empty() {
        return Some(None);
    }
    let digits = rest.strip_prefix(':')?;
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.parse().ok()?;
    all_digits.then_some(Some(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(asked: Option<Mode>, listen: &str, nats: &[&str], jwks: bool) -> String {
        let listen = listen.parse().unwrap();
        match check_open(asked, listen, nats.iter().copied(), jwks) {
            Ok(mode) => mode.to_string(),
            Err(RefusedOpen::Listen { .. }) => "refused: listen".to_owned(),
            Err(RefusedOpen::Nats { host }) => format!("refused: {host}"),
            Err(RefusedOpen::Broker { how }) => format!("refused: {how}"),
        }
    }

    #[test]
    fn open_mode_is_for_this_machine_alone() {
        let (open, jwt) = (Some(Mode::Open), Some(Mode::Jwt));
        let all = "0.0.0.0:8080";
        let local = "127.0.0.1:8080";
        assert_eq!(check(None, local, &[], false), "open");
        assert_eq!(check(None, local, &[], true), "jwt");
        assert_eq!(check(open, local, &[], true), "open");
        assert_eq!(check(None, "127.3.2.1:1", &[], false), "open");
        assert_eq!(check(None, "[::1]:1", &[], false), "open");
        assert_eq!(check(None, "[::ffff:127.0.0.1]:1", &[], false), "open");
        for elsewhere in [all, "[::]:1", "192.168.0.7:1"] {
            assert_eq!(check(None, elsewhere, &[], false), "refused: listen");
            assert_eq!(check(open, elsewhere, &[], true), "refused: listen");
            assert_eq!(check(jwt, elsewhere, &["far"], false), "jwt");
            assert_eq!(check(None, elsewhere, &[], true), "jwt");
        }
    }

    #[test]
    fn open_mode_has_no_broker_elsewhere() {
        let with = |hosts: &[&str]| check(None, "127.0.0.1:1", hosts, false);
        assert_eq!(with(&["localhost", "127.0.0.1", "::1", "[::1]"]), "open");
        assert_eq!(with(&["LocalHost"]), "open");
        for far in ["nats.example", "10.0.0.1", "localhost.example", ""] {
            assert_eq!(with(&["localhost", far]), format!("refused: {far}"));
        }
    }

    #[test]
    fn a_broker_that_others_reach_is_refused() {
        let urls = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect::<Vec<_>>();
        let check = |host, connect_urls: &[&str], cluster| {
            let connect_urls = urls(connect_urls);
            let info = BrokerInfo {
                host,
                connect_urls: &connect_urls,
                cluster,
            };
            check_broker(info).is_ok()
        };
        assert!(check("127.0.0.1", &[], None));
        assert!(check("::1", &["127.0.0.1:4222", "[::1]:4222"], Some("")));
        for host in ["0.0.0.0", "::", "", "192.168.0.7", "nats.example"] {
            assert!(!check(host, &[], None), "{host:?}");
        }
        assert!(!check(
            "127.0.0.1",
            &["127.0.0.1:4222", "10.0.0.1:4222"],
            None
        ));
        assert!(!check("127.0.0.1", &["nonsense"], None));
        assert!(!check("127.0.0.1", &[], Some("main")));
    }

    #[test]
    fn a_mode_reads_back() {
        for mode in [Mode::Open, Mode::Jwt] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        assert_eq!("Open".parse::<Mode>(), Err(UnknownMode));
    }

    #[test]
    fn only_local_hosts_are_answered() {
        let listen = "127.0.0.1:8080".parse().unwrap();
        let answered = |host| origin_allowed(host, None, listen);
        for host in [
            "localhost",
            "LOCALHOST:1",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:9",
        ] {
            assert!(answered(Some(host)), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com:8080",
            "127.0.0.2",
            "localhost:",
            "localhost:+1",
            "localhost:99999",
            "localhost:80:80",
            "user@localhost",
            "::1",
            " localhost",
        ] {
            assert!(!answered(Some(host)), "{host:?}");
        }
        assert!(!answered(None));
    }

    #[test]
    fn only_our_own_pages_are_answered() {
        let listen = "127.0.0.1:8080".parse().unwrap();
        let answered = |host, origin| origin_allowed(Some(host), Some(origin), listen);
        assert!(answered("localhost:8080", "http://localhost:8080"));
        assert!(answered("127.0.0.1:8080", "http://localhost:8080"));
        assert!(answered("localhost:9000", "http://localhost:9000"));
        assert!(answered("localhost:9000", "https://[::1]:8080"));
        assert!(answered("localhost", "http://localhost"));
        for foreign in [
            "null",
            "",
            "http://localhost:3000",
            "http://localhost",
            "http://example.com",
            "http://example.com:8080",
            "http://localhost.example.com:8080",
            "http://localhost:8080.example.com",
            "http://localhost:8080/",
            "file://localhost:8080",
            "http://http://localhost:8080",
        ] {
            assert!(!answered("localhost:8080", foreign), "{foreign:?}");
        }
        assert!(!answered("example.com", "http://localhost:8080"));
    }

    proptest::proptest! {
        #[test]
        fn no_header_panics(host in ".{0,24}", origin in ".{0,24}") {
            let listen = "127.0.0.1:8080".parse().unwrap();
            let _ = origin_allowed(Some(&host), Some(&origin), listen);
            let tail = format!("localhost:{host}");
            let _ = origin_allowed(Some(&tail), Some(&format!("http://[::1]:{origin}")), listen);
        }
    }
}
