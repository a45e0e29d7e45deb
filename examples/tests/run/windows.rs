//! `chat` in two windows of a real browser, on two nodes, one of which is killed.

use std::net::TcpStream;
use std::{env, fs};

use crate::chat::{meet, people_on};
use crate::chromium::{Chromium, Page};
use crate::support::{Program, kill_process};

/// The node that the page says it is on, and that node's process.
const HERE: &str =
    r"document.querySelector('#node').textContent.match(/node (\d+), process (\d+)/)?.slice(1)";

/// All lines that the page shows: who, which node, what.
const LINES: &str = "[...document.querySelectorAll('#lines li')]
    .map((line) => ['strong', 'span', 'p'].map((part) => line.querySelector(part).textContent))";

/// Somebody who looks at a room.
struct Window {
    page: Page,
    room: String,
    who: &'static str,
}

impl Window {
    fn open(chromium: &mut Chromium, room: &str, who: &'static str) -> Window {
        let mut window = Window { page: chromium.open(460, 520), room: room.to_owned(), who };
        window.load();
        window.here();
        window.page.click("#who", 3); // all of the name that it came up with
        window.page.type_in(who);
        window.page.click("#text", 1);
        window
    }

    fn load(&mut self) {
        self.page.go(&self.room);
    }

    /// The node and its process, once the page is connected.
    fn here(&mut self) -> [String; 2] {
        serde_json::from_value(self.page.until(HERE)).expect("it names both")
    }

    fn node(&mut self) -> String {
        let [node, _] = self.here();
        node
    }

    /// The node, once it is another one than this.
    fn node_other_than(&mut self, node: &str) -> String {
        let other = format!("(it => it && it[0] !== '{node}' && it[0])({HERE})");
        serde_json::from_value(self.page.until(&other)).expect("it is a name")
    }

    fn say(&mut self, text: &str) {
        self.page.click("#text", 1);
        self.page.type_in(text);
        self.page.press("Enter", "\r");
    }

    /// The lines, once there are so many.
    fn lines(&mut self, count: usize) -> Vec<[String; 3]> {
        let lines = self.page.until(&format!("(it => it.length >= {count} && it)({LINES})"));
        serde_json::from_value(lines).expect("each line has its parts")
    }
}

#[test]
#[ignore = "needs Chromium"]
fn chat_goes_on_in_two_windows_when_the_node_of_one_is_killed() {
    let mut chromium = Chromium::start();
    let mut chat = Program::start("chat", &[]);
    let address = chat.address();
    let room = format!("http://{address}/tea");
    meet(&chat, &mut people_on(&chat, address, &["0", "1", "2", "3"], 1));

    let mut ada = Window::open(&mut chromium, &room, "Ada");
    let ada_is_on = ada.node();
    // Who comes goes where few are: not to Ada's node, nor to the master, which has to live.
    let _crowd = people_on(&chat, address, &["0", &ada_is_on], 8);
    let mut ben = Window::open(&mut chromium, &room, "Ben");
    let [killed, process] = chat.until("Ben is on another worker than Ada", || {
        let here = ben.here();
        if here[0] != "0" && here[0] != ada_is_on {
            return Some(here);
        }
        ben.load();
        None
    });

    let mut said = Vec::new();
    let mut talk = |speaker: &mut Window, listener: &mut Window, text: &str| {
        said.push([speaker.who.to_owned(), format!("node {}", speaker.node()), text.to_owned()]);
        speaker.say(text);
        for window in [speaker, listener] {
            assert_eq!(window.lines(said.len()), said, "what {} sees", window.who);
        }
    };
    talk(&mut ada, &mut ben, "Is the water hot?");
    talk(&mut ben, &mut ada, "Nearly. I am on another process.");

    kill_process(&process);
    let ben_is_on = ben.node_other_than(&killed);
    assert_ne!(ben_is_on, ada_is_on, "Ben came back to the crowd");
    // A successor may not have met Ada's node yet.
    meet(&chat, &mut people_on(&chat, address, &[&ada_is_on, &ben_is_on], 1));
    talk(&mut ada, &mut ben, "What was that?");
    talk(&mut ben, &mut ada, "Someone killed my process. The tea is fine.");
    assert_eq!(ada.node(), ada_is_on, "only the node that was killed loses its windows");

    if let Some(path) = env::var_os("CHAT_PICTURE") {
        let picture = ada.page.picture_beside(&mut ben.page);
        fs::write(path, picture).expect("the picture can be written");
    }
    chromium.stop();
    chat.stop();
    assert!(TcpStream::connect(address).is_err(), "somebody holds the port");
}
