//! A trial run of this program, by a master that is about to replace its own: evaluates the
//! options, checks that the master's state could be taken over, answers and exits. It binds
//! nothing, starts nothing and never runs `main`.

use std::os::fd::OwnedFd;

use crate::builder::Builder;
use crate::error::EXIT_CONFIG;
use crate::link::control::ToMaster;
use crate::master;
use crate::node::control::Control;
use crate::report;
use crate::sys::process;

/// Answers the master, and ends the process.
pub(crate) fn rehearse(
    control: &Control,
    state: OwnedFd,
    configure: impl FnOnce() -> Builder,
) -> ! {
    let understood = master::check_state(state).map_err(|error| error.to_string());
    let result = understood.and_then(|()| {
        let settings = configure().settle(|variable| std::env::var_os(variable));
        settings.map(Box::new).map_err(|error| error.to_string())
    });
    let code = match &result {
        Ok(_) => 0,
        Err(reason) => {
            report::line(format_args!("a reload cannot begin: {reason}"));
            EXIT_CONFIG
        }
    };
    control.say(&ToMaster::Rehearsed(result));
    process::exit(code)
}
