struct App;

impl App {
    #[multi_node::main]
    async fn run(self) {}
}

fn main() {}
