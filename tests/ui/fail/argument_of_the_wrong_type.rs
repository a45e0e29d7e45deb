#[multi_node::main]
async fn main(arguments: String) {
    println!("{arguments}");
}
