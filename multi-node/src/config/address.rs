//! Addresses: where a listener is to listen, as text and taken apart, and where either end of a
//! connection is. Plain values; nothing here resolves a name or touches a file.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The name of the listener that `port` and `host` describe.
pub(crate) const MAIN: &str = "main";

/// The most listeners a program may have.
pub(crate) const MAX_LISTENERS: usize = 16;

/// What an [`Address`] looks like, for error messages.
pub(crate) const ADDRESS: &str =
    "an address such as 0.0.0.0:80, [::]:80, localhost:80 or unix:/run/app.sock";

/// What one with a `?` looks like.
pub(crate) const ADDRESS_WITH_OPTION: &str =
    "after `?` either mode=0660, of a unix:/path, or v6only=true or false, of a [v6]:port";

/// The longest path of a Unix socket, in bytes (`sun_path` less its NUL).
const LONGEST_PATH: usize = 107;

/// An address of a listener, or of either end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Addr {
    /// An IPv4 or IPv6 address and a port.
    Inet(SocketAddr),
    /// A Unix socket, by its path; one in the abstract namespace is written `@name`. Clients
    /// hardly ever have a path.
    Unix(Option<PathBuf>),
}

impl Addr {
    /// The address and the port; `None` for a Unix socket.
    pub fn as_inet(&self) -> Option<SocketAddr> {
        match self {
            Addr::Inet(addr) => Some(*addr),
            Addr::Unix(_) => None,
        }
    }
}

impl PartialEq<SocketAddr> for Addr {
    fn eq(&self, other: &SocketAddr) -> bool {
        self.as_inet() == Some(*other)
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Addr::Inet(addr) => addr.fmt(f),
            Addr::Unix(Some(path)) => write!(f, "unix:{}", path.display()),
            Addr::Unix(None) => f.write_str("unix:"),
        }
    }
}

/// A listener of the program, as its user asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listen {
    pub(crate) name: String,
    pub(crate) address: Address,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Address {
    Tcp {
        /// A name, or an address without brackets.
        host: String,
        port: u16,
        /// Whether an IPv6 address leaves IPv4 alone.
        v6_only: bool,
    },
    Unix {
        /// Absolute, or `@name`.
        path: PathBuf,
        /// The file's permissions; `None`: what the umask leaves.
        mode: Option<u32>,
    },
}

impl Address {
    /// Every IPv4 address, or `host`, and this port.
    pub(crate) fn tcp(host: &str, port: u16) -> Address {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Address::Tcp { host: bare.to_owned(), port, v6_only: false }
    }

    /// Takes `host:port`, `[v6]:port`, `[v6]:port?v6only=true`, `unix:PATH`, `unix:PATH?mode=0660`
    /// or `unix:@name`; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Address> {
        let (place, query) = match text.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (text, None),
        };
        match place.strip_prefix("unix:") {
            Some(path) => unix(path, query),
            None => tcp(place, query),
        }
    }

    /// The same with an absolute path.
    ///
    /// # Errors
    /// What is expected of the path instead.
    pub(crate) fn absolute(self) -> Result<Address, String> {
        let Address::Unix { path, mode } = self else {
            return Ok(self);
        };
        let path = if abstract_name(&path).is_some() {
            path
        } else {
            std::path::absolute(path).map_err(|error| format!("an absolute path ({error})"))?
        };
        if path.as_os_str().len() > LONGEST_PATH {
            return Err(format!("a path of at most {LONGEST_PATH} bytes for a Unix socket"));
        }
        Ok(Address::Unix { path, mode })
    }

    /// Whether both name the same place, whatever is to be done there.
    pub(crate) fn is_same_place(&self, other: &Address) -> bool {
        match (self, other) {
            (Address::Unix { path, .. }, Address::Unix { path: other, .. }) => path == other,
            _ => self == other,
        }
    }

    /// Whether a `[::]` on the same port must leave IPv4 to this one.
    pub(crate) fn is_every_v4(&self, of: u16) -> bool {
        let any = Ipv4Addr::UNSPECIFIED.to_string();
        matches!(self, Address::Tcp { host, port, .. } if *host == any && *port == of && of != 0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port, .. } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp { host, port, .. } => write!(f, "{host}:{port}"),
            Address::Unix { path, .. } => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The name in the abstract namespace that the path of a Unix socket stands for.
pub(crate) fn abstract_name(path: &Path) -> Option<&[u8]> {
    path.as_os_str().as_encoded_bytes().strip_prefix(b"@")
}

/// Whether a listener may be called so: what fits between `,` and `=`, and into a log line.
pub(crate) fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(is_allowed)
}

fn unix(path: &str, query: Option<&str>) -> Option<Address> {
    let mode = match query {
        None => None,
        Some(_) if path.starts_with('@') => return None,
        Some(query) => Some(octal(query.strip_prefix("mode=")?)?),
    };
    let named = !path.is_empty() && path != "@" && !path.contains('\0');
    named.then(|| Address::Unix { path: PathBuf::from(path), mode })
}

fn octal(mode: &str) -> Option<u32> {
    let digits = mode.bytes().all(|digit| digit.is_ascii_digit());
    u32::from_str_radix(mode, 8).ok().filter(|mode| digits && *mode <= 0o777)
}

fn tcp(place: &str, query: Option<&str>) -> Option<Address> {
    let (host, port) = place.rsplit_once(':')?;
    let port = port.parse().ok().filter(|_| port.bytes().all(|digit| digit.is_ascii_digit()))?;
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let v6_only = match query {
        None | Some("v6only=false") => false,
        Some("v6only=true") => true,
        Some(_) => return None,
    };
    let bare = v6.unwrap_or(host);
    let fits = !bare.is_empty() && (v6.is_some() || query.is_none() && !host.contains([':', '/']));
    fits.then(|| Address::Tcp { host: bare.to_owned(), port, v6_only })
}

#[cfg(test)]
mod tests;
