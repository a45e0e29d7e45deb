struct Mine;

#[multi_node::main(port = 8080)]
async fn main(nodes: multi_node::Nodes) -> Result<(), u8> {
    nodes.shutdown().await;
    Err(Mine)?;
    Ok(())
}
