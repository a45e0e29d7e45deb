//! The variables `MULTI_NODE_…`: each option as text. What it may be is checked with all options.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::units::{bytes, duration};
use super::{
    BACKLOG, BOOL, BUSY_POLL, Builder, DURATION, GROUP, Listening, MAX_BUSY_POLL, NODES, NodeCount,
    OFF_OR_TIMEOUT, PATH, READY, RING, SURGE, TIMEOUT, USER, backlog_is_valid, wrong,
};
use crate::config::{MAX_NODES, Readiness, RingUse};
use crate::error::OptionError;

/// Where variables are looked up.
pub(super) struct Environment<'a>(pub(super) &'a dyn Fn(&str) -> Option<OsString>);

impl Environment<'_> {
    /// Lets every variable that is set override its option.
    pub(super) fn override_all(&self, builder: &mut Builder) -> Result<(), OptionError> {
        let settings = &mut builder.settings;
        self.override_listening(&mut builder.listening)?;
        self.set("NODES", NODES, node_count, &mut builder.nodes)?;
        self.set("MASTER_LISTEN", BOOL, boolean, &mut settings.master_listen)?;
        self.set("RESTART_CHILDREN", BOOL, boolean, &mut settings.restart_children)?;
        self.set("BACKLOG", BACKLOG, backlog, &mut settings.backlog)?;
        self.set("DRAIN_TIMEOUT", DURATION, duration, &mut settings.drain_timeout)?;
        self.set("DRAIN_DELAY", DURATION, duration, &mut settings.drain_delay)?;
        self.set("DRAIN_GRACE", DURATION, duration, &mut settings.drain_grace)?;
        self.set("START_TIMEOUT", TIMEOUT, timeout, &mut settings.start_timeout)?;
        self.set("READY", READY, readiness, &mut settings.readiness)?;
        self.set("MAX_SURGE", SURGE, some(positive), &mut settings.max_surge)?;
        self.set("HANG_TIMEOUT", OFF_OR_TIMEOUT, off_or(timeout), &mut settings.hang_timeout)?;
        let limits = &mut settings.limits;
        self.set("MAX_LIFETIME", OFF_OR_TIMEOUT, off_or(timeout), &mut limits.lifetime)?;
        self.set("MAX_CONNECTIONS", COUNT, off_or(positive), &mut limits.connections)?;
        self.set("MAX_MEMORY", SIZE, off_or(size), &mut limits.memory)?;
        let messaging = &mut settings.messaging;
        self.set("RING", RING, ring, &mut messaging.ring)?;
        self.set("BUSY_POLL", BUSY_POLL, busy_poll, &mut messaging.busy_poll)?;
        self.set("USER", USER, some(text), &mut settings.user)?;
        self.set("GROUP", GROUP, some(text), &mut settings.group)?;
        let path = |given: &str| text(given).map(PathBuf::from);
        self.set("PID_FILE", PATH, some(path), &mut settings.pid_file)
    }

    /// `PORT` and `HOST` are about one listener, `LISTEN` says what all of them are.
    fn override_listening(&self, listening: &mut Listening) -> Result<(), OptionError> {
        let mut named = None;
        self.set("LISTEN", LISTEN, some(pairs), &mut named)?;
        if let Some(named) = named {
            *listening = Listening { named, port: None, host: None, ..*listening };
            return Ok(());
        }
        let (mut port, mut host): (Option<u16>, Option<String>) = (None, None);
        self.set("PORT", "a port, 0 to 65535", some(number), &mut port)?;
        self.set("HOST", "an address or a host name", some(text), &mut host)?;
        for (name, value) in [("PORT", port.map(|port| port.to_string())), ("HOST", host.clone())] {
            if let Some(value) = value.filter(|_| !listening.has_main()) {
                let expected = "MULTI_NODE_LISTEN instead: this program names its listeners";
                return Err(wrong(&format!("MULTI_NODE_{name}"), value, expected));
            }
        }
        listening.port = port.or(listening.port);
        listening.host = host.or(listening.host.take());
        Ok(())
    }

    fn set<T>(
        &self,
        option: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
        value: &mut T,
    ) -> Result<(), OptionError> {
        let name = format!("MULTI_NODE_{option}");
        let Some(given) = (self.0)(&name) else {
            return Ok(());
        };
        let parsed = given.to_str().and_then(|given| parse(given.trim()));
        *value = parsed.ok_or_else(|| wrong(&name, given.to_string_lossy(), expected))?;
        Ok(())
    }
}

const COUNT: &str = "off, or a number above zero";
const SIZE: &str = "off, or a number of bytes above zero such as 900000, 64K, 512M or 2G";
const LISTEN: &str = "name=address, such as http=0.0.0.0:80,admin=127.0.0.1:9000";

/// A variable that is set gives the option a value.
fn some<T>(parse: impl Fn(&str) -> Option<T>) -> impl Fn(&str) -> Option<Option<T>> {
    move |given| parse(given).map(Some)
}

/// As [`some`], where `off` takes the value away.
fn off_or<T>(parse: impl Fn(&str) -> Option<T>) -> impl Fn(&str) -> Option<Option<T>> {
    move |given| if given == "off" { Some(None) } else { parse(given).map(Some) }
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn positive<T: std::str::FromStr + From<u8> + PartialOrd>(text: &str) -> Option<T> {
    number(text).filter(|number| *number >= T::from(1))
}

fn backlog(text: &str) -> Option<u32> {
    number(text).filter(|backlog| backlog_is_valid(*backlog))
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// `name=address`, several with commas between them.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let pairs = text.split(',').map(|pair| {
        let (name, address) = pair.split_once('=')?;
        Some((name.trim().to_owned(), address.trim().to_owned()))
    });
    pairs.collect()
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn readiness(text: &str) -> Option<Readiness> {
    match text {
        "implicit" => Some(Readiness::Implicit),
        "explicit" => Some(Readiness::Explicit),
        _ => None,
    }
}

fn ring(text: &str) -> Option<RingUse> {
    match text {
        "auto" => Some(RingUse::Auto),
        "on" => Some(RingUse::On),
        "off" => Some(RingUse::Off),
        _ => None,
    }
}

fn busy_poll(text: &str) -> Option<Duration> {
    duration(text).filter(|time| *time <= MAX_BUSY_POLL)
}

fn node_count(text: &str) -> Option<NodeCount> {
    if text == "auto" {
        return Some(NodeCount::Auto);
    }
    let nodes = text.parse().ok().filter(|nodes| (1..=usize::from(MAX_NODES)).contains(nodes))?;
    Some(NodeCount::Exactly(nodes))
}

fn size(text: &str) -> Option<u64> {
    bytes(text).filter(|bytes| *bytes > 0)
}

fn timeout(text: &str) -> Option<Duration> {
    duration(text).filter(|timeout| !timeout.is_zero())
}
