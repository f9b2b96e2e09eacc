//! Where the broker is, and who this service is there, as `--nats-url` says it.
//!
//! A URL names a server, and may name a user with a password, or a token, before the host:
//! `nats://USER:PASSWORD@HOST:PORT`, `nats://TOKEN@HOST:PORT`. Characters that have a meaning in a
//! URL or in the list are percent-encoded. Servers of one cluster stand with commas between; one
//! without a user takes that of the first that has one.

use std::fmt;
use std::str::FromStr;

use async_nats::ServerAddr;
use percent_encoding::percent_decode_str;
use thiserror::Error;

/// The servers to connect to: one, or several of one cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct Servers(Vec<Server>);

/// One server of the broker.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// Its address, without a user.
    pub address: ServerAddr,
    /// The login for this server, if the URL has one.
    pub user: Option<User>,
}

/// The login that a URL has in front of the host.
#[derive(Clone, PartialEq, Eq)]
pub enum User {
    /// A user with a password.
    Password {
        /// The name of the user.
        user: String,
        /// The password of the user.
        password: String,
    },
    /// A token in the place of a user.
    Token(String),
}

/// The text names no servers. It is shown without users and passwords.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{url:?} is no NATS URL ({reason}); write nats://HOST:PORT, nats://USER:PASSWORD@HOST:PORT or \
     nats://TOKEN@HOST:PORT, several with commas between, special characters as %XX"
)]
pub struct BadServers {
    url: String,
    reason: String,
}

impl FromStr for Servers {
    type Err = BadServers;

    fn from_str(text: &str) -> Result<Self, BadServers> {
        let servers = text.split(',').map(|url| {
            let url = url.trim();
            server(url).map_err(|reason| BadServers {
                url: without_user(url),
                reason,
            })
        });
        let mut servers: Vec<Server> = servers.collect::<Result<_, _>>()?;
        let first = servers.iter().find_map(|server| server.user.clone());
        for server in &mut servers {
            server.user = server.user.take().or_else(|| first.clone());
        }
        Ok(Self(servers))
    }
}

impl fmt::Debug for Servers {
    /// The addresses: a user's password is nobody's to read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.hosts()).finish()
    }
}

impl Servers {
    /// The servers, in the order they were given.
    pub(super) fn all(&self) -> &[Server] {
        &self.0
    }

    /// The hosts: a service without tokens may only use a broker on this machine.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|server| server.address.host())
    }

    /// Whether a URL names a user or a token.
    pub(super) fn names_user(&self) -> bool {
        self.0.iter().any(|server| server.user.is_some())
    }
}

fn server(text: &str) -> Result<Server, String> {
    let parsed: ServerAddr = text.parse().map_err(|_| "it can't be read".to_owned())?;
    let mut url = parsed.into_inner();
    if !matches!(url.scheme(), "nats" | "tls") {
        return Err("its scheme is neither nats nor tls".into());
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err("something comes after the host and port".into());
    }
    // An empty password is no password to the parser, but is none the less one.
    let before_host = text.rsplit_once('@').map_or("", |(before, _)| before);
    let has_password = before_host
        .rsplit_once("://")
        .map_or(before_host, |(_, user)| user)
        .contains(':');
    let password = url.password().or(has_password.then_some(""));
    let user = match (url.username(), password) {
        ("", None) => None,
        ("", Some(_)) => return Err("it has a password and no user".into()),
        (token, None) => Some(User::Token(decoded(token)?)),
        (user, Some(password)) => Some(User::Password {
            user: decoded(user)?,
            password: decoded(password)?,
        }),
    };
    // Neither fails where there is a host, which is looked at next.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    let address = ServerAddr::from_url(url).map_err(|error| error.to_string())?;
    if address.host().is_empty() {
        return Err("it names no host".into());
    }
    Ok(Server { address, user })
}

/// A user, password or token without its percent-encoding.
fn decoded(text: &str) -> Result<String, String> {
    let wrong = || {
        "a % in the user, password or token is not followed by two hexadecimal digits of UTF-8; write % as %25".to_owned()
    };
    let mut parts = text.split('%').skip(1);
    let is_digits = |part: &str| {
        let digits = part.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !parts.all(is_digits) {
        return Err(wrong());
    }
    let text = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| wrong())?;
    Ok(text.into_owned())
}

/// A URL without what stands before its last `@`, for messages.
fn without_user(url: &str) -> String {
    let Some((before, host)) = url.rsplit_once('@') else {
        return url.to_owned();
    };
    let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
    if scheme.is_empty() {
        format!("***@{host}")
    } else {
        format!("{scheme}://***@{host}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(text: &str) -> Vec<Option<(String, Option<String>)>> {
        let servers: Servers = text.parse().expect("servers");
        let users = servers.0.into_iter().map(|server| {
            server.user.map(|user| match user {
                User::Password { user, password } => (user, Some(password)),
                User::Token(token) => (token, None),
            })
        });
        users.collect()
    }

    #[test]
    fn servers_are_urls_with_commas_between() {
        let servers: Servers = "nats://127.0.0.1:4222, localhost,tls://[::1]:1"
            .parse()
            .expect("servers");
        assert_eq!(
            servers.hosts().collect::<Vec<_>>(),
            ["127.0.0.1", "localhost", "::1"]
        );
        assert!(!servers.names_user());
    }

    #[test]
    fn a_url_may_name_a_user_or_a_token() {
        let password = |user: &str, password: &str| Some((user.into(), Some(password.into())));
        let token = |token: &str| Some((token.into(), None));
        assert_eq!(users("nats://ann:s3cret@host"), [password("ann", "s3cret")]);
        assert_eq!(users("ann:@host:1"), [password("ann", "")]);
        assert_eq!(users("tls://t0ken@host"), [token("t0ken")]);
        assert_eq!(
            users("nats://a%40b:p%3Aq%2Cr%25@host"),
            [password("a@b", "p:q,r%")]
        );
        // The others of a cluster know the same user, unless they are given one of their own.
        assert_eq!(
            users("a,nats://u:p@b,nats://t@c"),
            [password("u", "p"), password("u", "p"), token("t")]
        );
        let servers: Servers = "nats://u:p@host:7".parse().expect("servers");
        assert_eq!(servers.0[0].address.as_url_str(), "nats://host:7");
    }

    #[test]
    fn what_is_not_understood_is_refused_without_showing_a_password() {
        for bad in [
            "",
            "nats://a,",
            "http://u:secret@localhost",
            "ws://u:secret@localhost",
            "nats://u:secret@localhost/path",
            "nats://u:secret@localhost?tls=true",
            "nats://u:secret@localhost#x",
            "nats://:secret@localhost",
            "nats://u:secret%@localhost",
            "nats://u:secret%zz@localhost",
            "nats://u:secret%ff@localhost",
            "nats://u:secret@",
            "nats://u:secret@host:99999",
            "u:secret@ho st",
        ] {
            let error = bad.parse::<Servers>().expect_err(bad).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        let servers: Servers = "nats://u:secret@h".parse().expect("servers");
        assert!(!format!("{servers:?}").contains("secret"));
    }
}
