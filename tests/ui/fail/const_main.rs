#[multi_node::main]
const fn main(_: multi_node::Nodes) {}
