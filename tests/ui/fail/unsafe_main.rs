#[multi_node::main]
async unsafe fn main() {}
