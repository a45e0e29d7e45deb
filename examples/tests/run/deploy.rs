//! `deploy/`: the program answers its probes, and the numbers around it fit each other.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use yaml_rust2::{Yaml, YamlLoader};

use crate::support::{Program, get_path, root};

/// How much longer than the program needs it is waited for, in seconds.
const MARGIN: i64 = 5;

#[test]
fn the_deployed_program_answers_its_probes() {
    let mut app = Program::start("app", &[]);
    let address = app.address();
    for path in ["/", "/live", "/ready"] {
        let head = get_path(address, path, "").head;
        assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}");
    }
    app.stop();
}

#[test]
fn a_pod_is_given_longer_than_its_stop_takes() {
    let pod = pod();
    let container = &pod["containers"][0];
    assert!(container["lifecycle"].is_badvalue(), "a preStop hook counts against the grace period");
    let env = env(container);
    let stop = seconds(&env["MULTI_NODE_DRAIN_DELAY"]) + seconds(&env["MULTI_NODE_DRAIN_TIMEOUT"]);
    let grace = number(&pod["terminationGracePeriodSeconds"]);
    assert!(grace >= stop + MARGIN, "{grace} s for a stop of {stop} s");
}

#[test]
fn the_probes_leave_the_program_the_time_that_its_options_give() {
    let container = &pod()["containers"][0];
    let env = env(container);
    let lasts = |probe: &str| {
        let probe = &container[probe];
        number(&probe["periodSeconds"]) * number(&probe["failureThreshold"])
    };
    assert!(lasts("startupProbe") >= seconds(&env["MULTI_NODE_START_TIMEOUT"]) + MARGIN);
    assert!(lasts("livenessProbe") >= seconds(&env["MULTI_NODE_HANG_TIMEOUT"]) + MARGIN);
    assert!(lasts("readinessProbe") < seconds(&env["MULTI_NODE_DRAIN_DELAY"]));
    for (probe, path) in [("startupProbe", "/ready"), ("readinessProbe", "/ready")] {
        assert_eq!(container[probe]["httpGet"]["path"].as_str(), Some(path));
    }
    let port = env["MULTI_NODE_PORT"].parse().ok();
    assert_eq!(container["ports"][0]["containerPort"].as_i64(), port);
}

#[test]
fn the_image_and_the_pod_agree_on_the_port_and_the_user() {
    let dockerfile = read("Dockerfile");
    let container = &pod()["containers"][0];
    let port = number(&container["ports"][0]["containerPort"]);
    let user = number(&container["securityContext"]["runAsUser"]);
    for line in [
        format!("EXPOSE {port}"),
        format!("ENV MULTI_NODE_PORT={port} \\"),
        format!("USER {user}:{user}"),
        "STOPSIGNAL SIGTERM".to_owned(),
        r#"ENTRYPOINT ["/usr/local/bin/app"]"#.to_owned(),
    ] {
        assert!(dockerfile.lines().any(|found| found == line), "no line {line:?}");
    }
}

#[test]
fn the_units_wait_longer_than_a_start_a_reload_and_a_stop_take() {
    for name in ["app.service", "app-notify-reload.service"] {
        let unit = read(name);
        let env = unit.lines().filter_map(|line| line.strip_prefix("Environment="));
        let env: BTreeMap<&str, &str> = env.filter_map(|line| line.split_once('=')).collect();
        let [start, delay, drain] = ["START_TIMEOUT", "DRAIN_DELAY", "DRAIN_TIMEOUT"]
            .map(|option| seconds(env[&*format!("MULTI_NODE_{option}")]));
        assert!(setting(&unit, "TimeoutStopSec") >= delay + drain + MARGIN, "{name}");
        assert!(setting(&unit, "TimeoutStartSec") >= 3 * start + drain + MARGIN, "{name}");
    }
}

#[test]
fn the_units_differ_in_how_they_reload_and_in_nothing_else() {
    let without = |name: &str, lines: &[&str]| {
        let unit = read(name);
        for line in lines {
            assert!(unit.lines().any(|found| found == *line), "{name} has no {line:?}");
        }
        let rest = unit.lines().filter(|line| !line.starts_with('#') && !lines.contains(line));
        rest.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        without("app.service", &["Type=notify", "ExecReload=kill -HUP $MAINPID"]),
        without("app-notify-reload.service", &["Type=notify-reload"])
    );
}

/// systemd's own check, where it is installed; it wants the program to be there.
#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let Ok(version) = Command::new("systemd-analyze").arg("--version").output() else {
        eprintln!("skipped: systemd-analyze is not installed");
        return;
    };
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let version: u32 =
        version.split(' ').nth(1).and_then(|version| version.parse().ok()).expect("a number");
    let folder = std::env::temp_dir().join(format!("multi-node-units-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let units = ["app.socket", "app.service", "app-notify-reload.service"];
    let known = if version < 253 { &units[..2] } else { &units[..] };
    for name in known {
        let unit = read(name).replace("/opt/app/current/app", "/bin/true");
        fs::write(folder.join(name), unit).expect("the folder is ours");
    }
    let checked = Command::new("systemd-analyze")
        .arg("verify")
        .args(known.iter().map(|name| folder.join(name)))
        .output()
        .expect("it was there just now");
    fs::remove_dir_all(&folder).expect("the folder is ours");
    let complaints = String::from_utf8_lossy(&checked.stderr);
    let ours = complaints.lines().filter(|line| line.contains("app"));
    assert_eq!(ours.collect::<Vec<_>>(), [""; 0]);
}

fn read(name: &str) -> String {
    let path = root().join("examples/deploy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What the manifest's pods consist of.
fn pod() -> Yaml {
    let documents = YamlLoader::load_from_str(&read("kubernetes.yaml")).expect("it is YAML");
    let kinds: Vec<_> = documents.iter().map(|document| document["kind"].as_str()).collect();
    assert_eq!(kinds, [Some("Deployment"), Some("Service"), Some("PodDisruptionBudget")]);
    documents[0]["spec"]["template"]["spec"].clone()
}

fn env(container: &Yaml) -> BTreeMap<String, String> {
    let variables = container["env"].as_vec().expect("a list");
    let text = |yaml: &Yaml| yaml.as_str().expect("Kubernetes takes strings only").to_owned();
    variables.iter().map(|variable| (text(&variable["name"]), text(&variable["value"]))).collect()
}

fn number(yaml: &Yaml) -> i64 {
    yaml.as_i64().unwrap_or_else(|| panic!("{yaml:?} is no number"))
}

/// An option such as `30s`.
fn seconds(option: &str) -> i64 {
    let seconds = option.strip_suffix('s').and_then(|seconds| seconds.parse().ok());
    seconds.unwrap_or_else(|| panic!("{option:?} is not in seconds"))
}

/// A number of the unit.
fn setting(unit: &str, name: &str) -> i64 {
    let value = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no number {name}"))
}
