//! Bytes over the crate `iceoryx2`: `peer_iceoryx <events|busy> <kind> <size> <ms>`.
//!
//! With `events` each message is followed by a notification, and the receiver sleeps until one
//! comes; with `busy` the receiver looks for messages without end, and nobody is notified. They are
//! copied into shared memory and out of it again, as whoever has to build or read them would.

use std::env;
use std::process::{Stdio, id};
use std::thread;

use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::{
    BackpressureStrategy, LogLevel, Node, NodeBuilder, PortFactory, SignalHandlingMode, ipc,
    set_log_level,
};
use iceoryx2::service::port_factory::event::PortFactory as Event;
use iceoryx2::service::port_factory::publish_subscribe::PortFactory as PublishSubscribe;
use multi_node_benches::{
    Follower, Head, RawLink, Spin, Task, die_with_parent, follow_raw, lead_raw,
};

/// Bytes of messages that may wait for the receiver.
const WAITING: usize = 16 << 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    die_with_parent();
    set_log_level(LogLevel::Error);
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (wait, rest) = arguments.split_first().ok_or("expected <events|busy>")?;
    let task = Task::parse(rest)?;
    let sleeps = wait == "events";
    let node = NodeBuilder::new()
        .signal_handling_mode(SignalHandlingMode::Disabled)
        .create::<ipc::Service>()?;
    if let (true, Some(name)) = (Follower::is_this(rest), rest.get(3)) {
        let (there, back) =
            (Way::open(&node, name, "there", &task)?, Way::open(&node, name, "back", &task)?);
        let mut link = Ports::new(&back, &there, &task, sleeps)?;
        back.wait_for_other_end();
        return Ok(follow_raw(&mut link, &task)?);
    }
    let name = format!("multi-node-benches-{}", id());
    let (there, back) =
        (Way::open(&node, &name, "there", &task)?, Way::open(&node, &name, "back", &task)?);
    let mut link = Ports::new(&there, &back, &task, sleeps)?;
    let _follower = Follower::start(&[arguments, vec![name]].concat(), Stdio::null())?;
    there.wait_for_other_end();
    link.connect(&back)?;
    Ok(lead_raw(&mut link, &task)?)
}

/// One direction: the messages, and that there are some.
struct Way {
    messages: PublishSubscribe<ipc::Service, [u8], ()>,
    events: Event<ipc::Service>,
}

impl Way {
    fn open(
        node: &Node<ipc::Service>,
        name: &str,
        way: &str,
        task: &Task,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let name = format!("{name}/{way}").as_str().try_into()?;
        let messages = node
            .service_builder(&name)
            .publish_subscribe::<[u8]>()
            .enable_safe_overflow(false)
            .subscriber_max_buffer_size((WAITING / task.size()).clamp(16, 1024))
            .open_or_create()?;
        let events = node.service_builder(&name).event().open_or_create()?;
        Ok(Self { messages, events })
    }

    /// What is sent before somebody is there to receive it is lost.
    fn wait_for_other_end(&self) {
        while self.messages.dynamic_config().number_of_subscribers() == 0
            || self.events.dynamic_config().number_of_listeners() == 0
        {
            thread::yield_now();
        }
    }
}

struct Ports {
    publisher: Publisher<ipc::Service, [u8], ()>,
    notifier: Notifier<ipc::Service>,
    subscriber: Subscriber<ipc::Service, [u8], ()>,
    listener: Listener<ipc::Service>,
    message: Vec<u8>,
    sleeps: bool,
}

impl Ports {
    fn new(
        to: &Way,
        from: &Way,
        task: &Task,
        sleeps: bool,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        Ok(Self {
            listener: from.events.listener_builder().create()?,
            subscriber: from.messages.subscriber_builder().create()?,
            notifier: to.events.notifier_builder().create()?,
            publisher: to
                .messages
                .publisher_builder()
                .initial_max_slice_len(task.size())
                .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
                .create()?,
            message: vec![0; task.size()],
            sleeps,
        })
    }

    /// Has the subscriber connect to the other end's publisher, which it does when it looks for a
    /// message: until then what does not fit into its buffer is discarded.
    fn connect(&self, from: &Way) -> Result<(), Box<dyn std::error::Error>> {
        while from.messages.dynamic_config().number_of_publishers() == 0 {
            thread::yield_now();
        }
        self.subscriber.receive()?;
        Ok(())
    }
}

impl RawLink for Ports {
    fn send(&mut self, message: &[u8]) -> Result<(), String> {
        let room = self.publisher.loan_slice_uninit(message.len()).map_err(text)?;
        room.write_from_slice(message).send().map_err(text)?;
        if self.sleeps {
            self.notifier.notify().map_err(text)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn recv(&mut self) -> Result<Head, String> {
        let mut spin = Spin::default();
        loop {
            if let Some(message) = self.subscriber.receive().map_err(text)? {
                self.message.copy_from_slice(message.payload());
                return Ok(Head::of(&self.message));
            }
            if self.sleeps {
                self.listener.blocking_wait(|_| {}).map_err(text)?;
            } else {
                spin.again();
            }
        }
    }
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
