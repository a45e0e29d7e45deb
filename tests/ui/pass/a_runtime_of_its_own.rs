use multi_node::Nodes;

#[multi_node::main(port = 8080, nodes = 2)]
fn serve(nodes: Nodes) -> std::io::Result<()> {
    drop(nodes);
    Ok(())
}

fn main() {
    let _: fn() -> std::io::Result<()> = serve;
}
