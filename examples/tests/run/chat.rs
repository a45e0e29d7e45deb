//! `chat`: two browsers on two nodes, a room of their own, and a reload under way.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use nix::sys::signal::Signal;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message, WebSocket};

use crate::support::{ANSWER, Program, connect, get};

/// Somebody in a room, and the node that they are on.
pub(crate) struct Browser {
    socket: WebSocket<TcpStream>,
    node: String,
}

impl Browser {
    fn open(address: SocketAddr, room: &str, who: &str) -> Browser {
        let url = format!("ws://{address}/{room}/{who}");
        let (socket, _) = tungstenite::client(url, connect(address)).expect("a WebSocket opens");
        let mut browser = Browser { socket, node: String::new() };
        let here = browser.read().expect("it says where it is");
        assert_eq!(here["here"], true, "{here}");
        browser.node = here["node"].as_str().expect("a node has a name").to_owned();
        browser
    }

    fn say(&mut self, text: &str) {
        self.socket.send(text.into()).expect("the node listens");
    }

    /// The next line; the reason instead when the socket was closed.
    fn read(&mut self) -> Result<serde_json::Value, Option<CloseCode>> {
        match self.socket.read().expect("the node says something in time") {
            Message::Text(line) => Ok(serde_json::from_str(&line).expect("a line is JSON")),
            Message::Close(reason) => Err(reason.map(|reason| reason.code)),
            other => panic!("neither a line nor an end: {other:?}"),
        }
    }

    /// A line that arrives soon.
    fn hear(&mut self) -> Option<serde_json::Value> {
        self.wait(Duration::from_millis(50));
        let line = match self.socket.read() {
            Ok(Message::Text(line)) => Some(serde_json::from_str(&line).expect("a line is JSON")),
            Err(Error::Io(_)) => None,
            other => panic!("not a line: {other:?}"),
        };
        self.wait(ANSWER);
        line
    }

    /// Closes the window, and sees that its node is done with it.
    fn leave(mut self) {
        self.socket.close(None).expect("the node listens");
        while self.socket.read().is_ok() {}
    }

    fn wait(&mut self, at_most: Duration) {
        self.socket.get_ref().set_read_timeout(Some(at_most)).expect("it is not zero");
    }
}

/// So many people on each of these nodes, and nobody on another one.
pub(crate) fn people_on(
    chat: &Program,
    address: SocketAddr,
    nodes: &[&str],
    each: usize,
) -> Vec<Browser> {
    let nodes = BTreeSet::from_iter(nodes);
    let (mut people, mut others): (Vec<Browser>, Vec<Browser>) = Default::default();
    chat.until("there are people on these nodes", || {
        let someone = Browser::open(address, "lobby", "someone");
        let here = people.iter().filter(|other| other.node == someone.node).count();
        let wanted = here < each && nodes.contains(&&*someone.node);
        if wanted { &mut people } else { &mut others }.push(someone);
        (people.len() == nodes.len() * each).then_some(())
    });
    others.into_iter().for_each(Browser::leave);
    people
}

/// Waits until everybody hears everybody: their nodes have met.
pub(crate) fn meet(chat: &Program, people: &mut [Browser]) {
    for speaker in 0..people.len() {
        let node = people[speaker].node.clone();
        chat.until("everybody hears whoever speaks", || {
            people[speaker].say("can you hear me?");
            let hears = |listener: &mut Browser| {
                std::iter::from_fn(|| listener.hear()).any(|line| line["node"] == node)
            };
            people.iter_mut().all(hears).then_some(())
        });
    }
}

#[test]
fn chat_carries_lines_to_the_room_and_to_nobody_else_whichever_node_they_are_on() {
    let mut chat = Program::start("chat", &[]);
    let address = chat.address();
    assert!(get(address, "").body.contains("<title>multi-node chat</title>"));

    let mut anna = Browser::open(address, "lobby", "anna");
    let mut same = Vec::new();
    let mut ben = chat.until("somebody is on another node", || {
        let ben = Browser::open(address, "lobby", "ben");
        if ben.node != anna.node {
            return Some(ben);
        }
        same.push(ben);
        None
    });
    drop(same);
    let mut tea = Browser::open(address, "tea", "mary");

    // A line reaches the nodes that have met already; nodes that start may not have.
    let line = chat.until("ben hears anna", || {
        anna.say("hello <b>");
        ben.hear()
    });
    let expected = serde_json::json!({ "node": anna.node, "who": "anna", "text": "hello <b>" });
    assert_eq!(line, expected);
    assert_eq!(anna.read().expect("who speaks sees it too"), expected);

    tea.say("milk?");
    let line = tea.read().expect("the room hears its own");
    assert_eq!(line["text"], "milk?", "a line went to the wrong room");
    chat.stop();
}

#[test]
fn chat_brings_every_line_in_order_to_everybody_once_the_nodes_have_met() {
    let mut chat = Program::start("chat", &[]);
    let address = chat.address();
    let mut room = people_on(&chat, address, &["0", "1", "2", "3"], 1);
    meet(&chat, &mut room);
    for n in 0..20 {
        room.iter_mut().for_each(|speaker| speaker.say(&n.to_string()));
    }
    let nodes: Vec<String> = room.iter().map(|someone| someone.node.clone()).collect();
    for listener in &mut room {
        let mut next = BTreeMap::from_iter(nodes.iter().map(|node| (node.clone(), 0)));
        while next.values().any(|next| *next < 20) {
            let line = listener.read().expect("the node is there");
            let (node, text) = (line["node"].as_str(), line["text"].as_str());
            let (node, text) = (node.expect("a node"), text.expect("a text"));
            if let Ok(n) = text.parse::<u64>() {
                let next = next.get_mut(node).expect("a node where somebody is");
                assert_eq!(n, *next, "of node {node}");
                *next += 1;
            }
        }
    }
    chat.stop();
}

#[test]
fn chat_has_no_room_whose_name_is_too_long() {
    let mut chat = Program::start("chat", &[]);
    let address = chat.address();
    let url = format!("ws://{address}/{}/anna", "x".repeat(256));
    let refused = tungstenite::client(url, connect(address));
    let error = refused.expect_err("no WebSocket opens").to_string();
    assert!(error.contains("404"), "{error}");
    chat.stop();
}

#[test]
fn chat_tells_a_browser_to_come_back_when_its_node_is_replaced() {
    let mut chat = Program::start("chat", &[]);
    let address = chat.address();
    let mut master = Vec::new();
    let mut browser = chat.until("somebody is on a worker", || {
        let browser = Browser::open(address, "lobby", "anna");
        if browser.node != "0" {
            return Some(browser);
        }
        master.push(browser);
        None
    });
    chat.signal(Signal::SIGHUP);
    assert_eq!(browser.read(), Err(Some(CloseCode::Restart)));
    let back = Browser::open(address, "lobby", "anna");
    assert_ne!(back.node, browser.node);
    chat.stop();
}
