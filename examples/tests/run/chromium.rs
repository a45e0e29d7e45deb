//! A headless Chromium, driven over the Chrome DevTools Protocol.
//!
//! It has a folder of its own for all that it writes, which is gone when the test ends. A page that
//! reports an error fails the test. Nothing here sleeps: an answer, an event or a change of the
//! document is waited for, with a deadline.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::{env, fs, process, thread};

use nix::sys::prctl::set_child_subreaper;
use nix::unistd::geteuid;
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::support::{Program, connect};

/// How long a page may take to show what it should.
const SHOWS: Duration = Duration::from_secs(20);

/// How long Chromium may take to answer or to tell: longer, so that the page says what is missing.
const ANSWERS: Duration = Duration::from_secs(30);

/// The names that it goes by.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Resolves with what `ask` returns, once that is something.
const UNTIL: &str = "(ask, wait) => new Promise((found, late) => {
  const look = () => { const it = ask(); if (it) { end(); found(it); } };
  const observer = new MutationObserver(look);
  const timer = setTimeout(() => { end(); late(document.body.innerText); }, wait);
  const end = () => { observer.disconnect(); clearTimeout(timer); };
  observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
  look();
})";

/// Draws pictures beside each other.
const BESIDE: &str = "async (pictures, gap) => {
  const load = async (base64) => createImageBitmap(await (await fetch('data:image/png;base64,' + base64)).blob());
  const drawn = await Promise.all(pictures.map(load));
  const width = drawn.reduce((sum, { width }) => sum + width, gap * (drawn.length - 1));
  const canvas = new OffscreenCanvas(width, Math.max(...drawn.map(({ height }) => height)));
  let x = 0;
  for (const picture of drawn) {
    canvas.getContext('2d').drawImage(picture, x, 0);
    x += picture.width + gap;
  }
  return Array.from(new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer()));
}";

/// A browser that runs.
pub(crate) struct Chromium {
    program: Program,
    tools: DevTools,
    address: SocketAddr,
    folder: Folder,
}

impl Chromium {
    pub(crate) fn start() -> Chromium {
        set_child_subreaper(true).expect("what it leaves can be adopted");
        let folder = Folder::new();
        let mut command = Command::new(find());
        command
            .args(["--headless", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-sync"])
            .args(["--disable-component-update", "--no-startup-window"])
            .arg("--remote-debugging-port=0")
            .arg(format!("--user-data-dir={}", folder.0.display()))
            .env("HOME", &folder.0)
            .env("TMPDIR", &folder.0);
        if geteuid().is_root() {
            command.arg("--no-sandbox"); // which root cannot have
        }
        let mut program = Program::run("Chromium", command);
        let line = program.line("DevTools listening on ws://");
        let (_, url) = line.split_once("ws://").expect("it was waited for");
        let (address, path) = url.split_once('/').expect("a URL has a path");
        let address = address.parse().expect("it listens on an address");
        let tools = DevTools::connect(address, path);
        Chromium { program, tools, address, folder }
    }

    /// Opens a window with nothing in it, this large in pixels.
    pub(crate) fn open(&mut self, width: u32, height: u32) -> Page {
        let blank = json!({ "url": "about:blank", "newWindow": true });
        let target = self.tools.call("Target.createTarget", blank);
        let path = format!("devtools/page/{}", target["targetId"].as_str().expect("it has an id"));
        let mut tools = DevTools::connect(self.address, &path);
        for domain in ["Page", "Runtime", "Log", "Inspector"] {
            tools.call(&format!("{domain}.enable"), json!({}));
        }
        tools.call("Page.setLifecycleEventsEnabled", json!({ "enabled": true }));
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        tools.call("Emulation.setDeviceMetricsOverride", size);
        Page { tools }
    }

    /// Closes it, and sees that nothing of it is left.
    pub(crate) fn stop(mut self) {
        self.tools.call("Browser.close", json!({}));
        // Its crash handlers are no longer of its process group.
        self.program.until("all that use its folder have ended", || {
            thread::yield_now();
            (!self.folder.is_named_by_a_process()).then_some(())
        });
        self.program.ends_well_with_orphans();
    }
}

/// What a window shows.
pub(crate) struct Page {
    tools: DevTools,
}

impl Page {
    /// Goes to a URL, or loads it again, and waits until it is loaded.
    pub(crate) fn go(&mut self, url: &str) {
        let going = self.tools.call("Page.navigate", json!({ "url": url }));
        assert!(going["errorText"].is_null(), "{url}: {going}");
        self.tools.event("Page.lifecycleEvent", |stage| {
            stage["name"] == "load" && stage["loaderId"] == going["loaderId"]
        });
    }

    /// The value of an expression; of a promise, what it resolves with.
    #[track_caller]
    fn evaluate(&mut self, expression: &str) -> Result<Value, Value> {
        let how = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.tools.call("Runtime.evaluate", how);
        match answer["exceptionDetails"].take() {
            Value::Null => Ok(answer["result"]["value"].take()),
            thrown => Err(thrown),
        }
    }

    /// The value of an expression as soon as a change of the document makes it something.
    #[track_caller]
    pub(crate) fn until(&mut self, expression: &str) -> Value {
        let wait = SHOWS.as_millis();
        let found = self.evaluate(&format!("({UNTIL})(() => {expression}, {wait})"));
        found.unwrap_or_else(|shown| panic!("waited {SHOWS:?} for {expression} in: {shown}"))
    }

    /// Clicks into the middle of what a selector finds, so many times.
    pub(crate) fn click(&mut self, selector: &str, times: u32) {
        let place = self.evaluate(&format!(
            "(({{ x, y, width, height }}) => [x + width / 2, y + height / 2])
             (document.querySelector({selector:?}).getBoundingClientRect())"
        ));
        let place = place.expect("it is there");
        for count in 1..=times {
            for kind in ["mousePressed", "mouseReleased"] {
                let (x, y) = (&place[0], &place[1]);
                let event =
                    json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": count });
                self.tools.call("Input.dispatchMouseEvent", event);
            }
        }
    }

    /// Types a text where the focus is, key by key.
    pub(crate) fn type_in(&mut self, text: &str) {
        for key in text.chars().map(String::from) {
            self.press(&key, &key);
        }
    }

    /// Presses a key that types a text.
    pub(crate) fn press(&mut self, key: &str, text: &str) {
        let down = json!({ "type": "keyDown", "key": key, "text": text });
        self.tools.call("Input.dispatchKeyEvent", down);
        self.tools.call("Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": key }));
    }

    /// A picture of this window and of another one to the right of it, as PNG.
    pub(crate) fn picture_beside(&mut self, right: &mut Page) -> Vec<u8> {
        let pictures = [&mut *self, right].map(|page| {
            page.tools.call("Page.captureScreenshot", json!({ "format": "png" }))["data"].take()
        });
        let bytes = self.evaluate(&format!("({BESIDE})({}, 12)", json!(pictures)));
        serde_json::from_value(bytes.expect("they can be drawn")).expect("they are bytes")
    }
}

/// A connection to what commands a browser or a page.
struct DevTools {
    socket: WebSocket<TcpStream>,
    calls: u64,
    events: Vec<Value>,
}

impl DevTools {
    fn connect(address: SocketAddr, path: &str) -> DevTools {
        let stream = connect(address);
        stream.set_read_timeout(Some(ANSWERS)).expect("it is not zero");
        let url = format!("ws://{address}/{path}");
        let (socket, _) = tungstenite::client(url, stream).expect("Chromium takes commands");
        DevTools { socket, calls: 0, events: Vec::new() }
    }

    /// Carries out a command and returns its result.
    #[track_caller]
    fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let command = json!({ "id": self.calls, "method": method, "params": params });
        self.socket.send(command.to_string().into()).expect("Chromium listens");
        loop {
            let mut message = self.read(method);
            if message["id"] == self.calls {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].take();
            }
            self.events.push(message);
        }
    }

    /// Waits for an event; those before it are forgotten.
    #[track_caller]
    fn event(&mut self, method: &str, is_it: impl Fn(&Value) -> bool) {
        let mut seen = std::mem::take(&mut self.events).into_iter();
        loop {
            let event = seen.next().unwrap_or_else(|| self.read(method));
            if event["method"] == method && is_it(&event["params"]) {
                break;
            }
        }
        self.events = seen.collect();
    }

    /// The next answer or event, which must not be an error in a page.
    #[track_caller]
    fn read(&mut self, what: &str) -> Value {
        loop {
            let message = self.socket.read();
            let message = message.unwrap_or_else(|error| panic!("waited for {what}: {error}"));
            let Message::Text(message) = message else { continue };
            let message: Value = serde_json::from_str(&message).expect("Chromium talks JSON");
            assert!(!is_error(&message), "a page shows an error: {message}");
            return message;
        }
    }
}

/// Whether an event tells of what a developer would see in red, or of the end of a page.
fn is_error(event: &Value) -> bool {
    let params = &event["params"];
    match event["method"].as_str() {
        Some("Runtime.exceptionThrown" | "Inspector.targetCrashed") => true,
        Some("Runtime.consoleAPICalled") => params["type"] == "error",
        Some("Log.entryAdded") => params["entry"]["level"] == "error",
        _ => false,
    }
}

/// A new folder, which is removed with all that is in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let path = env::temp_dir().join(format!("multi-node-{}-chromium", process::id()));
        fs::create_dir(&path).expect("the folder for temporary files can be written");
        Folder(path)
    }

    /// Whether a process has it in its command line; one that has ended has no command line.
    fn is_named_by_a_process(&self) -> bool {
        let name = self.0.as_os_str().as_bytes();
        let processes = fs::read_dir("/proc").expect("there is a /proc").flatten();
        let mut commands = processes.flat_map(|process| fs::read(process.path().join("cmdline")));
        commands.any(|command| command.windows(name.len()).any(|part| part == name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let removed = fs::remove_dir_all(&self.0);
        assert!(removed.is_ok() || thread::panicking(), "{}: {removed:?}", self.0.display());
    }
}

/// Where Chromium is.
fn find() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders =
        NAMES.iter().flat_map(|name| env::split_paths(&path).map(move |at| at.join(name)));
    let found = folders.into_iter().find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("none of {NAMES:?} is in PATH: try `apt-get install chromium`"))
}
