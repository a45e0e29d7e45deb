use quote::ToTokens;
use syn::DeriveInput;

use super::expand::fnv1a;
use super::nested::Part;
use super::{attributes, canonical, expand, nested};
use crate::errors::Errors;

fn input(source: &str) -> DeriveInput {
    syn::parse_str(source).expect("a definition")
}

fn definition(source: &str) -> String {
    canonical::definition(&input(source))
}

fn parts(source: &str) -> Vec<String> {
    let input = input(source);
    nested::parts(&input.ident, &input.data)
        .iter()
        .map(|part| match part {
            Part::Type(ty) => ty.to_token_stream().to_string(),
            Part::Length(length) => format!("length {}", length.to_token_stream()),
        })
        .collect()
}

fn mistakes(source: &str) -> Vec<String> {
    let mut errors = Errors::default();
    attributes::parse(&input(source), &mut errors);
    errors.messages()
}

#[test]
fn the_hash_is_fnv_1a_of_64_bits() {
    // From the test vectors of the FNV Internet draft.
    assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
    assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
}

/// A change of these numbers breaks up every program whose nodes were built with two versions.
#[test]
fn fingerprints_of_definitions_never_change() {
    let chat = "enum Chat {
        Said { who: String, text: String },
        #[serde(rename = \"bye\")]
        Left(String, Vec<(u8, [u64; 4])>),
        Idle,
    }";
    assert_eq!(
        definition(chat),
        "enum { Said { who : String , text : String } , \
         # [ serde ( rename = \"bye\" ) ] Left ( String , Vec < ( u8 , [ u64 ; 4 ] ) > ) , Idle }"
    );
    assert_eq!(fnv1a(&definition(chat)), 8_934_893_263_280_407_337);
    assert_eq!(fnv1a(&definition("struct Ping;")), 14_058_172_984_575_203_104);
    assert_eq!(fnv1a(&definition("struct Job { id: u64 }")), 17_466_951_822_005_805_294);
}

#[test]
fn the_layout_of_the_source_does_not_matter() {
    let plain = "struct A { b: HashMap<String, (u8, B)>, r#type: u8 }";
    let other = "
        /// Documented.
        #[derive(Debug)]
        #[message(name = \"a\")]
        pub(crate) struct Other {
            /// Documented too.
            #[message(opaque)]
            pub b: HashMap<
                String,
                (u8, B,),
            >,
            r#type: u8,
        }";
    assert_eq!(definition(plain), definition(other));
}

#[test]
fn whatever_changes_what_is_sent_changes_the_text() {
    let definitions = [
        "struct A;",
        "struct A();",
        "struct A {}",
        "struct A { a: u8 }",
        "struct A(u8);",
        "struct A { b: u8 }",
        "struct A { a: u16 }",
        "struct A { a: u8, b: u8 }",
        "struct A { b: u8, a: u8 }",
        "struct A { #[serde(skip)] a: u8, b: u8 }",
        "#[serde(transparent)] struct A { a: u8 }",
        "enum A {}",
        "enum A { X, Y }",
        "enum A { Y, X }",
        "enum A { X = 1, Y }",
        "enum A { X(), Y }",
        "enum A { X {}, Y }",
        "enum A { #[serde(skip)] X, Y }",
        "#[serde(untagged)] enum A { X, Y }",
    ];
    let texts = definitions.map(definition);
    for (at, text) in texts.iter().enumerate() {
        assert!(!texts[at + 1..].contains(text), "{text}");
    }
}

#[test]
fn types_within_types_are_parts_in_the_order_of_mention() {
    let message = "enum A {
        One(Vec<Option<B>>, (C, [D; 2])),
        Two { map: std::collections::HashMap<E, Box<[F]>>, again: B, array: [G; LENGTH * 2] },
    }";
    assert_eq!(
        parts(message),
        [
            "Vec < Option < B > >",
            "Option < B >",
            "B",
            "C",
            "D",
            "std :: collections :: HashMap < E , Box < [F] > >",
            "E",
            "Box < [F] >",
            "F",
            "length LENGTH * 2",
            "G",
        ]
    );
}

#[test]
fn itself_and_opaque_fields_and_constants_are_no_parts() {
    let message = "struct Tree {
        left: Box<Tree>,
        right: Box<Self>,
        other: Box<self::Tree>,
        #[message(opaque)]
        owner: Forest,
        grid: Grid<Cell, WIDTH, 3, { HEIGHT }>,
    }";
    assert_eq!(
        parts(message),
        [
            "Box < Tree >",
            "Box < Self >",
            "Box < self :: Tree >",
            "Grid < Cell , WIDTH , 3 , { HEIGHT } >",
            "Cell",
        ]
    );
}

#[test]
fn another_type_of_the_same_name_is_a_part() {
    assert_eq!(parts("struct Tree { old: v1::Tree }"), ["v1 :: Tree"]);
}

#[test]
fn a_version_stands_for_the_definition() {
    let fingerprint = |source| {
        let input = input(source);
        let mut errors = Errors::default();
        let attributes = attributes::parse(&input, &mut errors);
        assert_eq!(errors.messages(), [""; 0]);
        let text = expand::implementation(&input, &attributes).to_string();
        text.split("FINGERPRINT").nth(1).expect("a constant").to_owned()
    };
    let one = fingerprint("#[message(version = 1)] struct A { a: u8 }");
    assert_eq!(one, fingerprint("#[message(version = 1)] struct A { b: Vec<B> }"));
    assert_ne!(one, fingerprint("#[message(version = 2)] struct A { a: u8 }"));
    assert_ne!(one, fingerprint("#[message(version = 1, name = \"B\")] struct A { a: u8 }"));
}

#[test]
fn every_mistake_in_the_attributes_is_found() {
    let found = mistakes(
        "#[message(nam = \"a\")]
        #[message(version = -1)]
        #[message]
        enum A {
            #[message(opaque)]
            B(#[message(name = \"x\")] u8, #[message(opaque = 1)] u8),
        }",
    );
    assert_eq!(found.len(), 6, "{found:#?}");
}
