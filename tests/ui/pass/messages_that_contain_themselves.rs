use multi_node::Message;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Message)]
struct Tree {
    children: Vec<Tree>,
    parent: Option<Box<Self>>,
    twin: Option<Box<self::Tree>>,
}

// Each contains the other: one of them leaves the other out of its fingerprint.
#[derive(Serialize, Deserialize, Message)]
struct Folder {
    files: Vec<File>,
}

#[derive(Serialize, Deserialize, Message)]
struct File {
    #[message(opaque)]
    folder: Option<Box<Folder>>,
    name: String,
}

fn main() {
    let fingerprints = [Tree::FINGERPRINT, Folder::FINGERPRINT, File::FINGERPRINT];
    assert_ne!(fingerprints[0], fingerprints[1]);
    assert_ne!(fingerprints[1], fingerprints[2]);
}
