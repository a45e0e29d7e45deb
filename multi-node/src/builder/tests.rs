use super::*;
use crate::config::{Address, Limits, Listen, Messaging};

mod listening;

fn settle(builder: Builder, variables: &[(&str, &str)]) -> Result<Settings, String> {
    let lookup = |name: &str| {
        variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| value.into())
    };
    builder.settle(lookup).map_err(|error| error.to_string())
}

fn listeners(settings: &Settings) -> Vec<String> {
    let listen = settings.listen.iter();
    listen.map(|Listen { name, address }| format!("{name}={address}")).collect()
}

#[test]
fn the_defaults_are_those_of_2010() {
    let settings = settle(Builder::new(), &[]).unwrap();
    assert_eq!(listeners(&settings), ["main=0.0.0.0:80"]);
    assert_eq!(settings.nodes, 1);
    assert!(settings.master_listen);
    assert!(settings.restart_children);
    assert_eq!(settings.flavor, Flavor::CurrentThread);
}

#[test]
fn every_variable_overrides_its_option() {
    let variables = [
        ("MULTI_NODE_PORT", "8080"),
        ("MULTI_NODE_HOST", "::1"),
        ("MULTI_NODE_NODES", "7"),
        ("MULTI_NODE_MASTER_LISTEN", "false"),
        ("MULTI_NODE_RESTART_CHILDREN", "0"),
        ("MULTI_NODE_BACKLOG", "17"),
        ("MULTI_NODE_DRAIN_TIMEOUT", "1500ms"),
        ("MULTI_NODE_START_TIMEOUT", "2m"),
        ("MULTI_NODE_DRAIN_DELAY", "5s"),
        ("MULTI_NODE_DRAIN_GRACE", "200ms"),
        ("MULTI_NODE_READY", "explicit"),
        ("MULTI_NODE_MAX_SURGE", "1"),
        ("MULTI_NODE_HANG_TIMEOUT", "off"),
        ("MULTI_NODE_MAX_LIFETIME", "1h"),
        ("MULTI_NODE_MAX_CONNECTIONS", "100000"),
        ("MULTI_NODE_MAX_MEMORY", "512M"),
        ("MULTI_NODE_RING", "off"),
        ("MULTI_NODE_BUSY_POLL", "1ms"),
        ("MULTI_NODE_USER", "nobody"),
        ("MULTI_NODE_GROUP", "nogroup"),
        ("MULTI_NODE_PID_FILE", "/run/app.pid"),
    ];
    let settings = settle(Builder::new().port(1).nodes(2), &variables).unwrap();
    let expected = Settings {
        listen: vec![Listen { name: "main".to_owned(), address: Address::tcp("::1", 8080) }],
        nodes: 7,
        master_listen: false,
        restart_children: false,
        backlog: 17,
        drain_timeout: Duration::from_millis(1500),
        start_timeout: Duration::from_secs(120),
        drain_delay: Duration::from_secs(5),
        drain_grace: Duration::from_millis(200),
        readiness: Readiness::Explicit,
        max_surge: Some(1),
        hang_timeout: None,
        limits: Limits {
            lifetime: Some(Duration::from_secs(3600)),
            connections: Some(100_000),
            memory: Some(512 << 20),
        },
        messaging: Messaging { ring: RingUse::Off, busy_poll: Duration::from_millis(1) },
        user: Some("nobody".to_owned()),
        group: Some("nogroup".to_owned()),
        pid_file: Some("/run/app.pid".into()),
        flavor: Flavor::CurrentThread,
    };
    assert_eq!(settings, expected);
}

#[test]
fn a_bad_variable_is_named_with_its_value_and_what_is_expected() {
    for (name, value, expected) in [
        ("MULTI_NODE_PORT", "65536", "a port, 0 to 65535"),
        ("MULTI_NODE_PORT", "", "a port, 0 to 65535"),
        ("MULTI_NODE_HOST", "", "an address or a host name"),
        ("MULTI_NODE_NODES", "0", "1 to 256, or auto"),
        ("MULTI_NODE_NODES", "257", "1 to 256, or auto"),
        ("MULTI_NODE_MASTER_LISTEN", "yes", "true or false"),
        ("MULTI_NODE_RESTART_CHILDREN", "TRUE", "true or false"),
        ("MULTI_NODE_BACKLOG", "0", "1 to 2147483647"),
        ("MULTI_NODE_DRAIN_TIMEOUT", "30", "a time such as 500ms, 30s, 5m or 1h"),
        ("MULTI_NODE_DRAIN_TIMEOUT", "-1s", "a time such as 500ms, 30s, 5m or 1h"),
        (
            "MULTI_NODE_DRAIN_TIMEOUT",
            "99999999999999999999h",
            "a time such as 500ms, 30s, 5m or 1h",
        ),
        ("MULTI_NODE_DRAIN_TIMEOUT", "30 s", "a time such as 500ms, 30s, 5m or 1h"),
        ("MULTI_NODE_DRAIN_DELAY", "5", "a time such as 500ms, 30s, 5m or 1h"),
        ("MULTI_NODE_DRAIN_GRACE", "off", "a time such as 500ms, 30s, 5m or 1h"),
        ("MULTI_NODE_START_TIMEOUT", "0s", "a time above zero such as 500ms, 30s, 5m or 1h"),
        ("MULTI_NODE_READY", "yes", "implicit or explicit"),
        ("MULTI_NODE_RING", "true", "auto, on or off"),
        ("MULTI_NODE_BUSY_POLL", "2ms", "a time up to 1ms, such as 20us"),
        ("MULTI_NODE_MAX_SURGE", "0", "1 to 65535"),
        ("MULTI_NODE_MAX_SURGE", "65536", "1 to 65535"),
        ("MULTI_NODE_HANG_TIMEOUT", "never", OFF_OR_TIMEOUT),
        ("MULTI_NODE_HANG_TIMEOUT", "0s", OFF_OR_TIMEOUT),
        ("MULTI_NODE_MAX_LIFETIME", "1d", OFF_OR_TIMEOUT),
        ("MULTI_NODE_MAX_CONNECTIONS", "0", "off, or a number above zero"),
        (
            "MULTI_NODE_MAX_MEMORY",
            "512MB",
            "off, or a number of bytes above zero such as 900000, 64K, 512M or 2G",
        ),
        ("MULTI_NODE_USER", "", "a user's name or number"),
        ("MULTI_NODE_GROUP", " ", "a group's name or number"),
        ("MULTI_NODE_PID_FILE", "", "a path"),
    ] {
        let error = settle(Builder::new(), &[(name, value)]).unwrap_err();
        assert_eq!(error, format!("{name}={value:?}: expected {expected}"));
    }
}

#[test]
fn a_bad_option_is_named_too() {
    for (builder, line) in [
        (Builder::new().nodes(0), "nodes=\"0\": expected 1 to 256, or auto"),
        (Builder::new().nodes(70_000), "nodes=\"70000\": expected 1 to 256, or auto"),
        (Builder::new().backlog(0), "backlog=\"0\": expected 1 to 2147483647"),
        (
            Builder::new().worker_threads(2),
            "worker_threads=\"2\": expected flavor = \"multi_thread\" with it",
        ),
        (
            Builder::new().multi_thread().worker_threads(0),
            "worker_threads=\"0\": expected 1 to 65535",
        ),
        (
            Builder::new().multi_thread().worker_threads(65_536),
            "worker_threads=\"65536\": expected 1 to 65535",
        ),
        (
            Builder::new().start_timeout(Duration::ZERO),
            "start_timeout=\"0s\": expected a time above zero such as 500ms, 30s, 5m or 1h",
        ),
        (Builder::new().max_surge(0), "max_surge=\"0\": expected 1 to 65535"),
        (
            Builder::new().busy_poll(Duration::from_millis(2)),
            "busy_poll=\"2ms\": expected a time up to 1ms, such as 20us",
        ),
        (
            Builder::new().hang_timeout(Duration::ZERO),
            "hang_timeout=\"0s\": expected off, or a time above zero such as 500ms, 30s, 5m or 1h",
        ),
        (
            Builder::new().max_lifetime(Duration::ZERO),
            "max_lifetime=\"0s\": expected a time above zero such as 500ms, 30s, 5m or 1h",
        ),
        (Builder::new().max_connections(0), "max_connections=\"0\": expected a number above zero"),
        (Builder::new().max_memory(0), "max_memory=\"0\": expected a number of bytes above zero"),
        (Builder::new().user(""), "user=\"\": expected a user's name or number"),
        (Builder::new().group(""), "group=\"\": expected a group's name or number"),
        (Builder::new().pid_file(""), "pid_file=\"\": expected a path"),
    ] {
        assert_eq!(settle(builder, &[]).unwrap_err(), line);
    }
}

#[test]
fn the_environment_heals_a_bad_option() {
    let settings = settle(Builder::new().nodes(0), &[("MULTI_NODE_NODES", "2")]).unwrap();
    assert_eq!(settings.nodes, 2);
}

#[test]
fn off_takes_back_what_the_program_limits() {
    let limited = Builder::new()
        .hang_timeout(Duration::from_secs(1))
        .max_lifetime(Duration::from_secs(1))
        .max_connections(1)
        .max_memory(1);
    let variables = [
        ("MULTI_NODE_HANG_TIMEOUT", "off"),
        ("MULTI_NODE_MAX_LIFETIME", "off"),
        ("MULTI_NODE_MAX_CONNECTIONS", "off"),
        ("MULTI_NODE_MAX_MEMORY", "off"),
    ];
    let settings = settle(limited, &variables).unwrap();
    assert_eq!((settings.hang_timeout, settings.limits), (None, Limits::default()));
}

#[test]
fn a_drain_may_take_no_time_at_all() {
    let none = Duration::ZERO;
    let builder = Builder::new().drain_delay(none).drain_grace(none).drain_timeout(none);
    let settings = settle(builder, &[]).unwrap();
    assert_eq!((settings.drain_delay, settings.drain_grace), (none, none));
    assert_eq!(settings.drain_timeout, none);
}

#[test]
fn auto_is_at_least_one_node() {
    let settings = settle(Builder::new().nodes(NodeCount::Auto), &[]).unwrap();
    assert!((1..=MAX_NODES).contains(&settings.nodes));
}

#[test]
fn listen_none_ignores_the_port() {
    let settings = settle(Builder::new().listen_none(), &[("MULTI_NODE_PORT", "1")]).unwrap();
    assert!(!settings.listens());
}
