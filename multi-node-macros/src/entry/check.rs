//! Judges the options: which there are, that none is given twice, and what contradicts what.

use proc_macro2::Ident;
use syn::{Expr, parse_quote};

use super::function::Shape;
use super::listeners;
use super::model::{Argument, Call, Options, Type};
use super::options::Given;
use super::value::{Kind, Value};
use crate::errors::Errors;
use crate::suggest;

const OPTIONS: [(&str, Kind); 25] = [
    ("port", Kind::Integer(Type::U16, 0..=65_535)),
    ("host", Kind::Text("a string such as \"127.0.0.1\"")),
    ("listen", Kind::Nothing),
    ("nodes", Kind::Nodes(1..=256)),
    ("master_listen", Kind::Bool),
    ("restart_children", Kind::Bool),
    ("backlog", Kind::Integer(Type::U32, 1..=i32::MAX as u64)),
    ("ready", Kind::Choice(&[("implicit", "ready_implicit"), ("explicit", "ready_explicit")])),
    ("start_timeout", Kind::Timeout),
    ("drain_delay", Kind::Duration),
    ("drain_grace", Kind::Duration),
    ("drain_timeout", Kind::Duration),
    ("max_surge", Kind::Integer(Type::U16, 1..=65_535)),
    ("hang_timeout", Kind::TimeoutOrOff),
    ("max_lifetime", Kind::Timeout),
    ("max_connections", Kind::Integer(Type::U64, 1..=u64::MAX)),
    ("max_memory", Kind::Bytes),
    ("ring", Kind::Choice(&[("auto", "ring_auto"), ("on", "ring_on"), ("off", "ring_off")])),
    ("busy_poll", Kind::Duration),
    ("user", Kind::Text("a user's name or number in quotes, such as \"www-data\"")),
    ("group", Kind::Text("a group's name or number in quotes, such as \"www-data\"")),
    ("pid_file", Kind::Text("a path in quotes, such as \"/run/app.pid\"")),
    (
        "flavor",
        Kind::Choice(&[("current_thread", "current_thread"), ("multi_thread", "multi_thread")]),
    ),
    // tokio cannot count more threads.
    ("worker_threads", Kind::Integer(Type::Usize, 1..=65_535)),
    ("crate", Kind::Library),
];

/// `valid options are …`, for error messages.
pub(super) fn valid_options() -> String {
    format!("valid options are {}", suggest::list(&OPTIONS.map(|(name, _)| name)))
}

/// The options that are right; every one that is not is reported and left out.
pub(super) fn check(given: Vec<Given>, errors: &mut Errors) -> Options {
    let mut options = Options { library: parse_quote!(::multi_node), calls: Vec::new() };
    let mut seen: Vec<Ident> = Vec::new();
    for Given { name, value, listed } in given {
        let Some((_, kind)) = OPTIONS.iter().find(|(option, _)| name == option) else {
            let names = OPTIONS.map(|(name, _)| name);
            errors.at(&name, suggest::unknown("option", &name.to_string(), "", &names));
            continue;
        };
        if seen.contains(&name) {
            errors.at(&name, format!("`{name}` is given twice"));
            continue;
        }
        match (value, listed) {
            (None, Some(listed)) if name == "listen" => {
                options.calls.extend(listeners::check(&name, listed, errors));
            }
            (_, Some(_)) => {
                errors.at(&name, format!("`{name}` is no list: it takes {}", kind.expected()));
            }
            (Some(value), None) => {
                options.add(kind, &name, value).unwrap_or_else(|error| errors.push(error))
            }
            (None, None) => {
                errors.at(&name, format!("`{name}` has no value: it takes {}", kind.expected()));
            }
        }
        seen.push(name);
    }
    contradictions(&seen, &options, errors);
    options
}

fn contradictions(seen: &[Ident], options: &Options, errors: &mut Errors) {
    let calls = |method: &str| options.calls.iter().any(|call| call.method == method);
    if calls("listen_none") {
        let about_listening = ["port", "host", "backlog", "max_connections"];
        for name in seen.iter().filter(|name| about_listening.iter().any(|option| name == option)) {
            errors.at(name, format!("`{name}` contradicts `listen = none`: leave one out"));
        }
    }
    let one_thread = calls("current_thread") || !seen.iter().any(|name| name == "flavor");
    if let Some(name) = seen.iter().find(|name| *name == "worker_threads" && one_thread) {
        errors.at(name, "`worker_threads` needs `flavor = \"multi_thread\"`");
    }
}

/// Judges the options together with the function that they are for.
pub(super) fn check_with(shape: Shape, options: &Options, errors: &mut Errors) {
    let explicit = options.calls.iter().find(|call| call.method == "ready_explicit");
    if let (Shape::Bare, Some(call)) = (shape, explicit) {
        let message = "`ready = \"explicit\"` needs the argument `nodes: Nodes`: \
                       only `nodes.ready()` makes a node ready then";
        errors.at(&call.method, message);
    }
}

impl Options {
    fn add(&mut self, kind: &Kind, option: &Ident, value: Expr) -> syn::Result<()> {
        let (method, argument) = match kind.check(option, value)? {
            Value::Argument(argument) => (option.clone(), argument),
            Value::Method(name) => (Ident::new(name, option.span()), Argument::Nothing),
            Value::Library(path) => {
                self.library = path;
                return Ok(());
            }
        };
        self.calls.push(Call { method, argument });
        Ok(())
    }
}
