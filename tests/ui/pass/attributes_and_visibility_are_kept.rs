#![deny(missing_docs, unused_variables, unreachable_pub)]
//! The attributes stay with the function.

/// Where the entry point is.
pub mod server {
    /// Serves.
    #[multi_node::main]
    #[doc(alias = "start")]
    #[allow(unused_variables)]
    #[must_use]
    pub async fn serve(nodes: multi_node::Nodes) -> std::process::ExitCode {
        #![allow(unused_mut)]
        let mut unused = 1;
        std::process::ExitCode::SUCCESS
    }
}

fn main() {
    let _: fn() -> std::process::ExitCode = server::serve;
}
