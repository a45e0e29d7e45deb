// The same text around two types of the same name that are not the same.

mod one {
    #[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
    pub struct Inner(pub u8);
    #[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
    pub struct Outer(pub Vec<Option<Inner>>);
    #[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
    pub struct Blind(#[message(opaque)] pub Vec<Option<Inner>>);
}

mod two {
    #[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
    pub struct Inner(pub u16);
    #[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
    pub struct Outer(pub Vec<Option<Inner>>);
    #[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
    pub struct Blind(#[message(opaque)] pub Vec<Option<Inner>>);
}

mod lengths {
    pub mod short {
        const LENGTH: usize = 2;
        #[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
        pub struct Table(pub [u8; LENGTH]);
    }
    pub mod long {
        const LENGTH: usize = 3;
        #[derive(serde::Serialize, serde::Deserialize, multi_node::Message)]
        pub struct Table(pub [u8; LENGTH]);
    }
}

fn main() {
    use multi_node::Message;

    assert_ne!(one::Outer::FINGERPRINT, two::Outer::FINGERPRINT);
    assert_eq!(one::Blind::FINGERPRINT, two::Blind::FINGERPRINT);
    assert_ne!(lengths::short::Table::FINGERPRINT, lengths::long::Table::FINGERPRINT);
}
