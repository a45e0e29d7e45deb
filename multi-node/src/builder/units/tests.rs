use proptest::prelude::*;

use super::*;

#[allow(dead_code)] // What it says is for the attribute's messages.
#[path = "../../../../multi-node-macros/src/entry/units.rs"]
mod attribute;

/// The attribute is another crate, which cannot share its functions: they must agree.
fn agree(text: &str) -> Result<(), TestCaseError> {
    let microseconds = attribute::microseconds(text).map(Duration::from_micros);
    prop_assert_eq!(duration(text), microseconds);
    prop_assert_eq!(bytes(text), attribute::bytes(text));
    Ok(())
}

proptest! {
    #[test]
    fn a_number_with_any_unit_is_the_same_to_the_attribute(
        text in "[ +-]?[0-9]{0,21}[.]?[0-9]? ?(us|ms|s|m|h|K|M|G|B|k|d|T|٣)?[ bB]?",
    ) {
        agree(&text)?;
    }

    #[test]
    fn any_text_is_the_same_to_the_attribute(text: String) {
        agree(&text)?;
    }
}

#[test]
fn every_unit_is_what_it_says() {
    assert_eq!(duration("20us"), Some(Duration::from_micros(20)));
    assert_eq!(duration("1500ms"), Some(Duration::from_millis(1500)));
    assert_eq!(duration("30s"), Some(Duration::from_secs(30)));
    assert_eq!(duration("5m"), Some(Duration::from_secs(300)));
    assert_eq!(duration("2h"), Some(Duration::from_secs(7200)));
    assert_eq!(bytes("900000"), Some(900_000));
    assert_eq!(bytes("64K"), Some(65_536));
    assert_eq!(bytes("512M"), Some(536_870_912));
    assert_eq!(bytes("2G"), Some(2_147_483_648));
}
