//! The variables `MULTI_NODE_…`: each option as text. What it may be is checked with all options.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::{
    BACKLOG, BOOL, Builder, DURATION, Listening, NodeCount, READY, TIMEOUT, backlog_is_valid, wrong,
};
use crate::config::{MAX_NODES, Readiness};
use crate::error::OptionError;

/// Where variables are looked up.
pub(super) struct Environment<'a>(pub(super) &'a dyn Fn(&str) -> Option<OsString>);

impl Environment<'_> {
    /// Lets every variable that is set override its option.
    pub(super) fn override_all(&self, builder: &mut Builder) -> Result<(), OptionError> {
        let settings = &mut builder.settings;
        self.override_listening(&mut builder.listening)?;
        self.set("NODES", "1 to 256, or auto", node_count, &mut builder.nodes)?;
        self.set("MASTER_LISTEN", BOOL, boolean, &mut settings.master_listen)?;
        self.set("RESTART_CHILDREN", BOOL, boolean, &mut settings.restart_children)?;
        self.set("BACKLOG", BACKLOG, backlog, &mut settings.backlog)?;
        self.set("DRAIN_TIMEOUT", DURATION, duration, &mut settings.drain_timeout)?;
        self.set("DRAIN_DELAY", DURATION, duration, &mut settings.drain_delay)?;
        self.set("DRAIN_GRACE", DURATION, duration, &mut settings.drain_grace)?;
        self.set("START_TIMEOUT", TIMEOUT, timeout, &mut settings.start_timeout)?;
        self.set("READY", READY, readiness, &mut settings.readiness)?;
        self.set("MAX_SURGE", SURGE, some(positive), &mut settings.max_surge)?;
        let hang = "off, or a time above zero such as 500ms, 30s, 5m or 1h";
        self.set("HANG_TIMEOUT", hang, off_or(timeout), &mut settings.hang_timeout)?;
        let limits = &mut settings.limits;
        self.set("MAX_LIFETIME", TIMEOUT, some(timeout), &mut limits.lifetime)?;
        self.set("MAX_CONNECTIONS", COUNT, some(positive), &mut limits.connections)?;
        self.set("MAX_MEMORY", BYTES, some(bytes), &mut limits.memory)?;
        self.set("USER", "a user's name or number", some(text), &mut settings.user)?;
        self.set("GROUP", "a group's name or number", some(text), &mut settings.group)?;
        self.set("PID_FILE", "a path", some(path), &mut settings.pid_file)
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

const LISTEN: &str = "name=address, such as http=0.0.0.0:80,admin=127.0.0.1:9000";
const SURGE: &str = "1 to 65535";
const COUNT: &str = "a number above zero";
const BYTES: &str = "a number of bytes above zero such as 900000, 64K, 512M or 2G";

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

fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
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

fn node_count(text: &str) -> Option<NodeCount> {
    if text == "auto" {
        return Some(NodeCount::Auto);
    }
    let nodes = text.parse().ok().filter(|nodes| (1..=usize::from(MAX_NODES)).contains(nodes))?;
    Some(NodeCount::Exactly(nodes))
}

/// A whole number of bytes, or of KiB, MiB or GiB with K, M or G behind it.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim_start() {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
}

/// A whole number and its unit: ms, s, m or h.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let milliseconds: u64 = match unit.trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(milliseconds).map(Duration::from_millis)
}

fn timeout(text: &str) -> Option<Duration> {
    duration(text).filter(|timeout| !timeout.is_zero())
}
