//! A program that has its own `tracing` subscriber.

use std::fmt;

use multi_node::Nodes;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::lines::serve_lines;
use crate::words::say;

/// Prints every event of the library as `event level=… field=value…` to standard output.
struct Printer;

#[multi_node::main(port = 0, nodes = 2)]
async fn served(nodes: Nodes) -> Result<(), String> {
    serve_lines(nodes).await
}

/// Sets the subscriber first, as a `main` of its own does.
pub(crate) fn subscriber() -> Result<(), String> {
    tracing::subscriber::set_global_default(Printer).expect("the first one");
    served()
}

impl Subscriber for Printer {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("multi_node")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut words = Words(format!("event level={}", event.metadata().level()));
        event.record(&mut words);
        say(words.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write;
        write!(self.0, " {}={value:?}", field.name()).expect("a string takes all");
    }
}
