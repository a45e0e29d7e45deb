//! Sockets that a service manager passed to the program: each goes to the listener of its name,
//! and what nobody asked for is closed and named.

use super::Places;
use super::listener::Listener;
use crate::config::{Listen, Settings};
use crate::error::StartError;
use crate::report;
use crate::sys::socket::inherited::{self, Inherited};

impl Places {
    /// Makes listeners of what was passed on to this process.
    ///
    /// # Errors
    /// When one of the fds is not there, or is no socket that listens.
    pub(super) fn activate(&mut self, settings: &Settings) -> Result<(), StartError> {
        let failed = || StartError::system("take the sockets of LISTEN_FDS");
        let passed_on = inherited::take(|name| std::env::var_os(name)).map_err(failed())?;
        let alone = passed_on.len() == 1;
        let mut left_over = Vec::new();
        for Inherited { number, name, socket } in passed_on {
            let wanted = wanted(&name, alone, &settings.listen);
            let Some(listen) = wanted.filter(|listen| !self.has(listen)) else {
                left_over.push(format!("fd {number} {name:?}"));
                continue;
            };
            inherited::check_listening(number, &socket).map_err(failed())?;
            let listener = Listener::lent(listen, socket, self.slots()).map_err(failed())?;
            self.listeners.insert(self.next, listener);
            self.next += 1;
        }
        if !left_over.is_empty() {
            let names: Vec<_> = settings.listen.iter().map(|listen| listen.name.as_str()).collect();
            report::warn!(
                "closed what LISTEN_FDS has for no listener: {}; the listeners are {}",
                left_over.join(", "),
                if names.is_empty() { "none".to_owned() } else { names.join(", ") },
            );
        }
        Ok(())
    }

    fn has(&self, listen: &Listen) -> bool {
        self.listeners.values().any(|listener| listener.is_for(listen))
    }
}

/// The listener that a socket of this name is for. When there is one of each, a socket that
/// nobody gave a name will do.
fn wanted<'a>(name: &str, alone: bool, listeners: &'a [Listen]) -> Option<&'a Listen> {
    let only = match listeners {
        [only] if alone && is_default_name(name) => Some(only),
        _ => None,
    };
    listeners.iter().find(|listen| listen.name == name).or(only)
}

/// What stands for a name where none was given: systemd takes the unit's.
fn is_default_name(name: &str) -> bool {
    name.is_empty() || name == "unknown" || name.ends_with(".socket")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Address;

    fn found(name: &str, alone: bool, listeners: &[&str]) -> Option<String> {
        let listen = |name: &&str| Listen {
            name: (*name).to_owned(),
            address: Address::tcp("127.0.0.1", 80),
        };
        let listeners: Vec<_> = listeners.iter().map(listen).collect();
        wanted(name, alone, &listeners).map(|listen| listen.name.clone())
    }

    #[test]
    fn a_socket_goes_to_the_listener_of_its_name() {
        assert_eq!(found("b", false, &["a", "b"]).as_deref(), Some("b"));
        assert_eq!(found("c", false, &["a", "b"]), None);
    }

    #[test]
    fn a_single_socket_without_a_name_goes_to_the_only_listener() {
        for name in ["", "unknown", "app.socket"] {
            assert_eq!(found(name, true, &["main"]).as_deref(), Some("main"));
            assert_eq!(found(name, false, &["main"]), None, "there are more sockets");
            assert_eq!(found(name, true, &["a", "b"]), None, "there are more listeners");
        }
        assert_eq!(found("admin", true, &["main"]), None, "that is another listener's name");
    }
}
