#[multi_node::main(port = 8080)]
async fn serve() {}

fn main() {
    let _: fn() = serve;
}
