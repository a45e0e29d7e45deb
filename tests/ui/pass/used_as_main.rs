// `main` itself, compiled and linked but not run as a server: the name of the test binary's real
// entry point is taken from this module.
mod program {
    use multi_node::Nodes;

    #[multi_node::main(port = 8080, nodes = 4)]
    pub async fn main(nodes: Nodes) -> std::io::Result<()> {
        nodes.shutdown().await;
        Ok(())
    }
}

fn main() {
    let _: fn() -> std::io::Result<()> = program::main;
}
