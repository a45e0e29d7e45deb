//! The attribute `main` and the derive `Message`; use them through the crate `multi-node`.
//!
//! Each goes the same way: parse (values with their spans), check (every mistake collected, at its
//! own span), expand. The macros decide nothing about running: they expand to calls that a program
//! could make by hand, on `multi_node::Builder` and on the trait `multi_node::Message`.

mod entry;
mod errors;
mod message;
mod suggest;

use proc_macro::TokenStream;

/// Makes the program a master and its workers, which serve one port and talk to each other.
///
/// Put it on `async fn main()`, on `async fn main(nodes: Nodes)`, or, for a program that brings its
/// own runtime, on `fn main(nodes: Nodes)`. A function of another name becomes one without
/// arguments that `main` calls. The return type is any that `fn main` may have.
///
/// | option | default | what it is |
/// | --- | --- | --- |
/// | `port` | `80` | port to listen on, 0 to 65535; 0 lets the kernel choose |
/// | `host` | `"0.0.0.0"` | address to listen on |
/// | `listen(name = "address", …)` | | several listeners, by name: `"0.0.0.0:80"`, `"[::]:80"`, `"unix:/run/app.sock"`; one of `port` and `host` comes first and is called `main` |
/// | `listen = none` | | no port at all, for programs that only compute and talk |
/// | `nodes` | `1` | how many nodes serve, 1 to 256, or `auto`: the CPUs this process may use |
/// | `master_listen` | `true` | whether the master serves too; it is one of `nodes` then |
/// | `restart_children` | `true` | whether a worker that dies is replaced |
/// | `backlog` | `4096` | connections that the kernel queues for each node, 1 to 2147483647 |
/// | `ready` | `"implicit"` | what makes a node ready: its first `accept` or `serve`, or, `"explicit"`, `nodes.ready()` alone |
/// | `start_timeout` | `"60s"` | how long a node may take to get ready |
/// | `drain_delay` | `"0s"` | how long a program that is told to stop serves on before it drains, no longer ready |
/// | `drain_grace` | `"1s"` | how long a node that drains answers on idle connections before it closes them |
/// | `drain_timeout` | `"30s"` | how long a node that leaves may finish what it has begun |
/// | `max_surge` | all | how many workers a reload replaces at a time, 1 to 65535 |
/// | `hang_timeout` | `"60s"` | how long a node's runtime may be stuck before it is replaced, or `off` |
/// | `max_lifetime` | none | age at which a worker is replaced |
/// | `max_connections` | none | accepted connections at which a worker is replaced |
/// | `max_memory` | none | resident bytes at which a worker is replaced, as a number or as `"512M"` |
/// | `ring` | `"auto"` | whether messages go through shared memory: between nodes that are busy, always (`"on"`) or never (`"off"`) |
/// | `busy_poll` | `"0s"` | how long a node looks for more messages in shared memory before it sleeps, `"1ms"` at most |
/// | `user`, `group` | as started | whom every process becomes once the port is bound, by name or number, in quotes |
/// | `pid_file` | none | where the master writes its pid when it is ready |
/// | `flavor` | `"current_thread"` | tokio's runtime in each node, or `"multi_thread"` |
/// | `worker_threads` | one a CPU | threads of the runtime `"multi_thread"` |
/// | `crate` | `"::multi_node"` | path of this library where it has another name |
///
/// A duration is a whole number and its unit (`us`, `ms`, `s`, `m` or `h`) in quotes, or an expression of
/// the type [`Duration`](core::time::Duration); a size is a number of bytes, or a whole number and its
/// unit (`K`, `M` or `G`, powers of 1024) in quotes. Wherever a number, a string, a bool or a duration
/// stands, any expression of that type may stand too, such as `port = settings().port`; it is
/// evaluated in the master at its start, once in the trial run of each reload, and in no worker. For
/// `hang_timeout` it may also be an `Option` of a duration.
///
/// ```no_run
/// use multi_node::Nodes;
///
/// #[multi_node::main(port = 8080, nodes = 4, drain_timeout = "10s")]
/// async fn main(nodes: Nodes) {
///     println!("node {} of {}", nodes.id(), nodes.len());
///     nodes.shutdown().await;
/// }
/// ```
#[proc_macro_attribute]
pub fn main(options: TokenStream, function: TokenStream) -> TokenStream {
    entry::expand(options.into(), function.into()).into()
}

/// Makes a type a message that nodes may send each other.
///
/// It gives the type a name, which its channel goes by, and a fingerprint of its definition: the
/// kind, the variants, fields and types in their order, and serde's attributes, which change what
/// is sent. A field whose type is a message too, also within `Vec`, `Option` and the like, brings
/// its own fingerprint in. Two nodes open the channel only when both agree.
///
/// What the fingerprint does not see: what nested types contain that are no messages themselves,
/// what a type alias stands for, hand-written `Serialize` and `Deserialize`, and generic
/// arguments such as `MAX`, in three capital letters or more, which are taken for constants (a
/// shorter constant wants braces: `Grid<{ N }>`). Where one of these changes what is sent, say so
/// with `version`.
///
/// - `#[message(name = "chat")]` on the type: this name instead of the type's own.
/// - `#[message(version = 2)]` on the type: the fingerprint is made of the name and this number,
///   and no longer of the definition.
/// - `#[message(reply = Pong)]` on the type: it is a request, and another node that is asked
///   replies with a `Pong`, which is a message too.
/// - `#[message(crate = "path")]` on the type: the path of `multi_node` where it has another name.
/// - `#[message(opaque)]` on a field: leave out the fingerprint of the field's type. Two types that
///   contain each other need it on one side: without it the compiler reports a cycle.
///
/// ```
/// use multi_node::Message;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Message)]
/// enum Chat {
///     Said { who: String, text: String },
///     Left(String),
/// }
///
/// assert_eq!(Chat::NAME, "Chat");
/// ```
#[proc_macro_derive(Message, attributes(message))]
pub fn message(definition: TokenStream) -> TokenStream {
    message::expand(definition.into()).into()
}
