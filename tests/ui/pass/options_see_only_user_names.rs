const NODES: usize = 2;

// Of the same names as what the expansion binds.
fn port() -> u16 {
    8080
}

fn builder() -> u32 {
    128
}

fn main_threads() -> usize {
    2
}

#[multi_node::main(port = port(), nodes = NODES, backlog = builder(), worker_threads = main_threads(), flavor = "multi_thread")]
async fn threads(_: multi_node::Nodes) {
    let _: usize = NODES;
}

fn main() {
    let _: fn() = threads;
}
