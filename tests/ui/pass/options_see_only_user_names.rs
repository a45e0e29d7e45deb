const NODES: usize = 2;

// Of the same names as what the expansion binds.
fn port() -> u16 {
    8080
}

fn builder() -> u32 {
    128
}

#[multi_node::main(port = port(), nodes = NODES, backlog = builder(), worker_threads = serve_threads(), flavor = "multi_thread")]
async fn serve_threads(_: multi_node::Nodes) -> usize {
    let _: usize = NODES;
    2
}

fn main() {
    // The name in the options is the outer function, which takes no argument.
    let _: fn() -> usize = serve_threads;
}
