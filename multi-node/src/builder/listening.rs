//! What there is to listen on: `port` and `host` for one listener, `listen` for several by name.

use crate::config::{ADDRESS, ADDRESS_WITH_OPTION, Address, Listen, MAIN, MAX_LISTENERS, is_name};
use crate::error::OptionError;

use super::wrong;

/// The options about it, as they were given.
#[derive(Debug, Clone, Default)]
pub(super) struct Listening {
    /// Nothing at all, whatever else was given.
    pub(super) none: bool,
    pub(super) port: Option<u16>,
    pub(super) host: Option<String>,
    /// Names and addresses.
    pub(super) named: Vec<(String, String)>,
}

impl Listening {
    /// Whether `port` and `host` are about a listener of this program.
    pub(super) fn has_main(&self) -> bool {
        self.named.is_empty() || self.port.is_some() || self.host.is_some()
    }
}

/// The listeners, each with an address that can be tried.
pub(super) fn check(listening: Listening) -> Result<Vec<Listen>, OptionError> {
    if listening.none {
        return Ok(Vec::new());
    }
    let mut listeners = Vec::new();
    if listening.has_main() {
        let host = listening.host.unwrap_or_else(|| "0.0.0.0".to_owned());
        let address = Address::tcp(&host, listening.port.unwrap_or(80));
        listeners.push(Listen { name: MAIN.to_owned(), address });
    }
    for (name, address) in listening.named {
        let listen = one(name, &address)?;
        let again = |other: &Listen| other.name == listen.name;
        if listeners.iter().any(again) {
            return Err(wrong("listen", listen.name, "another name for each listener"));
        }
        let any_port = matches!(listen.address, Address::Tcp { port: 0, .. });
        if !any_port && listeners.iter().any(|other| other.address.is_same_place(&listen.address)) {
            return Err(wrong("listen", address, "another address for each listener"));
        }
        listeners.push(listen);
    }
    if listeners.len() > MAX_LISTENERS {
        let expected = format!("at most {MAX_LISTENERS} listeners");
        return Err(wrong("listen", listeners.len(), &expected));
    }
    Ok(listeners)
}

fn one(name: String, address: &str) -> Result<Listen, OptionError> {
    if !is_name(&name) {
        let expected = "a name of up to 64 letters, digits, `-`, `_` and `.`";
        return Err(wrong("listen", name, expected));
    }
    let wrong_address = |expected: &str| wrong(&format!("listen({name})"), address, expected);
    let what = if address.contains('?') { ADDRESS_WITH_OPTION } else { ADDRESS };
    let parsed = Address::parse(address).ok_or_else(|| wrong_address(what))?;
    let address = parsed.absolute().map_err(|expected| wrong_address(&expected))?;
    Ok(Listen { name, address })
}
