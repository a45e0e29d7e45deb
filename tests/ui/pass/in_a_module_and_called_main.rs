mod program {
    use multi_node::Nodes;

    use super::main as outer;

    #[multi_node::main(port = 8080, nodes = 4)]
    pub async fn main(nodes: Nodes) -> std::io::Result<()> {
        let _: fn() = outer;
        nodes.shutdown().await;
        Ok(())
    }
}

fn main() {
    let _: fn() -> std::io::Result<()> = program::main;
}
