#[multi_node::main]
extern "C" fn main(_: multi_node::Nodes) {}
