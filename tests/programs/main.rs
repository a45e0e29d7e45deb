//! One program for all scenarios.
//!
//! Its first argument chooses what it is; its workers are started with the same arguments. Options
//! that a test varies come from `MULTI_NODE_*`. Every node that serves prints `up node=… slot=…`
//! first, and what a test looks for is printed as words `name=value`.

mod activate;
mod asks;
mod configured;
mod endings;
mod events;
mod family;
mod hands;
mod http;
mod identity;
mod lines;
mod listening;
mod membership;
mod messages;
mod options;
mod orders;
mod ready;
mod runtimes;
mod shares;
mod subscriber;
mod terminal;
mod topics;
mod traffic;
mod upgrades;
mod words;

use std::process::{ExitCode, Termination};

fn main() -> ExitCode {
    let scenario = words::argument(1);
    match scenario.as_str() {
        "lines" => lines::lines().report(),
        "activate" => activate::activate(),
        "two-apps" => listening::two_apps().report(),
        "named-lines" => listening::named_lines().report(),
        "http" => http::http().report(),
        "axum-serve" => http::axum_serve().report(),
        "events" => events::events().report(),
        "never-starts" => endings::never_starts().report(),
        "never-ready" => endings::never_ready().report(),
        "only-registers" => endings::only_registers().report(),
        "computes" => endings::computes().report(),
        "idles" => endings::idles().report(),
        "next-master" => endings::next_master().report(),
        "shares" => shares::shares().report(),
        "family" => family::family().report(),
        "forgets-child" => family::forgets_child().report(),
        "spawns-on" => family::spawns_on().report(),
        "attribute" => options::attribute().report(),
        "builder" => options::builder(),
        "configured" => configured::configured(),
        "warms-up" => ready::warms_up().report(),
        "upgrades" => upgrades::upgrades().report(),
        "blocking-main" => runtimes::blocking_main().report(),
        "std-listener" => runtimes::std_listener().report(),
        "tokio-listener" => runtimes::tokio_listener().report(),
        "thread-pool" => runtimes::thread_pool().report(),
        "identity" => identity::identity().report(),
        "reads-terminal" => terminal::reads_terminal().report(),
        "subscriber" => subscriber::subscriber().report(),
        "asks" => asks::asks().report(),
        "hands" => hands::hands().report(),
        "chat" => messages::chat().report(),
        "membership" => membership::membership().report(),
        "versions" => messages::versions().report(),
        "streams" => messages::streams().report(),
        "topics" => topics::topics().report(),
        "late-topics" => topics::late_topics().report(),
        "topic-lockstep" => topics::topic_lockstep().report(),
        "mesh" => traffic::mesh().report(),
        "everyone" => traffic::everyone().report(),
        "lockstep" => traffic::lockstep().report(),
        "flood" => traffic::flood().report(),
        "large" => traffic::large().report(),
        "stuck" => traffic::stuck().report(),
        "behind" => traffic::behind().report(),
        unknown => panic!("no scenario {unknown:?}"),
    }
}
