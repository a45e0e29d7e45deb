//! A family of nodes, with the master's part played by the test.

use std::net::{SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::TryRecvError;
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::super::*;
use crate::config::Readiness;
use crate::node::{Connection, Listener};
use crate::sys::socket::tcp;
use crate::sys::{packet, socket};

/// Nothing here takes that long unless it is broken.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// What the master holds for its whole life.
pub(super) struct Family {
    pub(super) page: Page,
    pub(super) addr: SocketAddr,
    serving: RangeInclusive<Slot>,
    /// Whether siblings' sockets are lent. A node that waits for a CPU before its first poll, or
    /// for very long, is taken from too, so that how evenly it spreads depends on the machine.
    lends: bool,
    /// The slots that were lent, in order.
    pub(super) lent: Mutex<Vec<Slot>>,
    listeners: Vec<OwnedFd>,
    inboxes: Vec<(OwnedFd, OwnedFd)>,
}

impl Family {
    /// Slots 0..nodes with sockets that listen, and nobody in them.
    pub(super) fn new(nodes: u16) -> Family {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut listeners = vec![tcp::found(any, false, 4096).unwrap()];
        for _ in 1..nodes {
            let sibling = tcp::join(listeners[0].as_fd()).unwrap();
            socket::listen_on(&sibling, 4096).unwrap();
            listeners.push(sibling);
        }
        Family {
            page: Page::create().unwrap(),
            addr: socket::local_addr(listeners[0].as_fd()).unwrap().as_inet().unwrap(),
            serving: 0..=nodes - 1,
            lends: true,
            lent: Mutex::default(),
            inboxes: listeners.iter().map(|_| packet::packet_pair().unwrap()).collect(),
            listeners,
        }
    }

    /// The same, of which nodes know only the first slots.
    pub(super) fn known_up_to(nodes: u16, last: Slot) -> Family {
        let mut family = Family::new(nodes);
        family.serving = 0..=last;
        family
    }

    /// The same, and nobody watches anybody.
    pub(super) fn unwatched(nodes: u16) -> Family {
        let mut family = Family::new(nodes);
        family.lends = false;
        family
    }

    pub(super) fn sockets(&self, slot: Slot) -> Sockets {
        let slot = usize::from(slot);
        Sockets {
            listener: self.listeners[slot].try_clone().unwrap(),
            inbox: self.inboxes[slot].1.try_clone().unwrap(),
        }
    }

    pub(super) fn outbox(&self, slot: Slot) -> BorrowedFd<'_> {
        self.inboxes[usize::from(slot)].0.as_fd()
    }

    /// A node's acceptor on the seat of its slot's number, seated, with everything handed out.
    pub(super) fn acceptor(self: &Arc<Family>, slot: Slot) -> Acceptor {
        self.page.reset(slot);
        let acceptor = self.acceptor_with(slot, Some(self.sockets(slot)), || {});
        for other in self.serving.clone().filter(|other| *other != slot) {
            acceptor.set_outbox(other, self.outbox(other).try_clone_to_owned().unwrap());
        }
        self.page.seat(slot, slot);
        acceptor
    }

    pub(super) fn acceptor_with(
        self: &Arc<Family>,
        slot: Slot,
        own: Option<Sockets>,
        on_first_poll: impl Fn() + Send + Sync + 'static,
    ) -> Acceptor {
        let borrower: Arc<OnceLock<std::sync::Weak<Shared>>> = Arc::default();
        let (family, lender) = (Arc::clone(self), Arc::clone(&borrower));
        let acceptor = Acceptor::new(Setup {
            listener: 0,
            page: Page::map(self.page.fd().try_clone_to_owned().unwrap()).unwrap(),
            seat: slot,
            slot,
            slots: self.serving.clone(),
            own,
            keeping: Keeping::Each,
            local_addr: Addr::Inet(self.addr),
            life: Arc::new(Life::new(Readiness::Implicit)),
            tally: Arc::default(),
            borrow: Box::new(move |wanted| {
                if !family.lends {
                    return;
                }
                family.lent.lock().unwrap().push(wanted);
                let borrower = lender.get().and_then(std::sync::Weak::upgrade).map(Acceptor);
                borrower.unwrap().lend(wanted, family.sockets(wanted));
            }),
            on_first_poll: Box::new(on_first_poll),
        });
        borrower.set(Arc::downgrade(&acceptor.0)).unwrap();
        acceptor
    }

    pub(super) fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).unwrap()
    }

    pub(super) fn connect_many(&self, count: usize) -> Vec<TcpStream> {
        (0..count).map(|_| self.connect()).collect()
    }
}

/// A node on its own thread that holds every connection that it accepts.
pub(super) struct Node {
    pub(super) acceptor: Acceptor,
    pub(super) held: Arc<Held>,
    commands: Option<mpsc::UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

enum Command {
    /// Keeps the thread from all that runs on it until the other end is dropped, in this way.
    Hang(std::sync::mpsc::Sender<()>, std::sync::mpsc::Receiver<()>, Hang),
}

type Hang = fn(std::sync::mpsc::Receiver<()>);

/// Keeps a node's thread blocked.
pub(super) struct Hanging {
    _release: std::sync::mpsc::Sender<()>,
}

#[derive(Default)]
pub(super) struct Held {
    connections: Mutex<Vec<Connection>>,
    total: Arc<Total>,
}

/// Connections accepted by all nodes together, and who waits for them.
#[derive(Default)]
pub(super) struct Total {
    count: AtomicUsize,
    lock: Mutex<()>,
    grown: Condvar,
}

impl Node {
    fn start(acceptor: Acceptor, total: Arc<Total>) -> Node {
        let held = Arc::new(Held { connections: Mutex::default(), total });
        let (commands, received) = mpsc::unbounded_channel();
        let (listener, holder) = (Listener::new(acceptor.clone()), Arc::clone(&held));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
            runtime.unwrap().block_on(hold_all(listener, holder, received));
        });
        Node { acceptor, held, commands: Some(commands), thread: Some(thread) }
    }

    /// Blocks the node as SIGSTOP would; returns once it is blocked.
    pub(super) fn hang(&self) -> Hanging {
        self.hang_in(|released| {
            // An error is what ends it.
            let _ = released.recv();
        })
    }

    /// Keeps the node computing; returns once it has begun.
    pub(super) fn spin(&self) -> Hanging {
        self.hang_in(|released| while released.try_recv() == Err(TryRecvError::Empty) {})
    }

    fn hang_in(&self, way: Hang) -> Hanging {
        let (hangs, has_hung) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel();
        let commands = self.commands.as_ref().unwrap();
        commands.send(Command::Hang(hangs, released, way)).map_err(drop).unwrap();
        has_hung.recv_timeout(DEADLINE).unwrap();
        Hanging { _release: release }
    }

    pub(super) fn held(&self) -> usize {
        self.held.connections.lock().unwrap().len()
    }

    pub(super) fn drop_all(&self) {
        self.held.connections.lock().unwrap().clear();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.commands = None;
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

async fn hold_all(
    listener: Listener,
    held: Arc<Held>,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                held.connections.lock().unwrap().push(accepted.unwrap().0);
                held.total.add_one();
            }
            command = commands.recv() => match command {
                Some(Command::Hang(hangs, released, way)) => {
                    hangs.send(()).unwrap();
                    way(released);
                }
                None => return,
            },
        }
    }
}

impl Total {
    pub(super) fn add_one(&self) {
        self.count.fetch_add(1, SeqCst);
        let _held = self.lock.lock().unwrap();
        self.grown.notify_all();
    }

    /// Waits until `count` connections were accepted in all.
    pub(super) fn wait(&self, count: usize) {
        let held = self.lock.lock().unwrap();
        let short = |_: &mut ()| self.count.load(SeqCst) < count;
        let (_held, waited) = self.grown.wait_timeout_while(held, DEADLINE, short).unwrap();
        assert!(!waited.timed_out(), "{} of {count} accepted", self.count.load(SeqCst));
    }
}

/// Nodes that run, and what they have accepted together.
pub(super) struct Running {
    pub(super) family: Arc<Family>,
    pub(super) nodes: Vec<Node>,
    pub(super) total: Arc<Total>,
}

impl Running {
    pub(super) fn new(nodes: u16) -> Running {
        Running::of(Arc::new(Family::new(nodes)), 0..nodes)
    }

    /// Nodes that watch nobody.
    pub(super) fn unwatched(nodes: u16) -> Running {
        Running::of(Arc::new(Family::unwatched(nodes)), 0..nodes)
    }

    /// Nodes in these slots only.
    pub(super) fn of(family: Arc<Family>, slots: impl Iterator<Item = Slot>) -> Running {
        let total = Arc::<Total>::default();
        // All seated before the first accepts, as after a start that is over.
        let acceptors: Vec<_> = slots.map(|slot| family.acceptor(slot)).collect();
        let start = |acceptor| Node::start(acceptor, Arc::clone(&total));
        Running { nodes: acceptors.into_iter().map(start).collect(), family, total }
    }

    pub(super) fn held(&self) -> Vec<usize> {
        self.nodes.iter().map(Node::held).collect()
    }
}

pub(super) fn spread(held: &[usize]) -> usize {
    held.iter().max().unwrap() - held.iter().min().unwrap()
}

/// Runs a future on a runtime of this thread, with a deadline that needs no runtime's timer.
pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    let builder = &mut tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(DEADLINE, future).await.expect("in time") })
}

/// Polls once.
pub(super) fn is_pending(future: std::pin::Pin<&mut impl Future>) -> bool {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    future.poll(&mut context).is_pending()
}

/// Repeats until `done`, with a deadline.
pub(super) fn until(mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < DEADLINE, "not in time");
        std::thread::yield_now();
    }
}
