struct Mine;

#[derive(Debug)]
struct Theirs;

#[multi_node::main(port = 8080)]
async fn serve(nodes: multi_node::Nodes) -> Result<(), Theirs> {
    nodes.shutdown().await;
    Err(Mine)?;
    Ok(())
}

fn main() {}
