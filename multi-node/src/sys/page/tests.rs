use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::ftruncate;

use super::*;

fn another_view(page: &Page) -> Page {
    Page::map(page.fd().try_clone_to_owned().unwrap()).unwrap()
}

#[test]
fn what_one_process_writes_another_reads() {
    let master = Page::create().unwrap();
    let node = another_view(&master);
    master.reset(7);
    master.seat(3, 7);
    assert_eq!(node.owner(3), Some(7));
    assert_eq!(node.owner(2), None);
    let claim = node.claim(7, 0).unwrap();
    assert_eq!(master.load(7), 1);
    node.release(claim);
    assert_eq!(master.load(7), 0);
    node.advance(7);
    assert_eq!(master.progress(7), 1);
    node.set_thread(7, 4711);
    assert_eq!(master.thread(7), Some(4711));
    master.reset(7);
    assert_eq!(node.thread(7), None);
}

#[test]
fn a_claim_on_a_load_that_has_moved_on_is_refused() {
    let page = Page::create().unwrap();
    assert!(page.claim(1, 0).is_some());
    assert!(page.claim(1, 0).is_none());
    assert!(page.claim(1, 1).is_some());
}

#[test]
fn marks_come_and_go_one_by_one() {
    let page = Page::create().unwrap();
    page.mark(1, Mark::Stuck);
    page.mark(1, Mark::Draining);
    page.unmark(1, Mark::Stuck);
    assert!(page.marks(1).has(Mark::Draining));
    assert!(!page.marks(1).has(Mark::Stuck));
    assert!(page.marks(2).is_empty());
}

#[test]
fn a_late_death_does_not_vacate_the_successors_slot() {
    let page = Page::create().unwrap();
    page.seat(1, 10);
    page.seat(1, 11);
    page.vacate(1, 10);
    assert_eq!(page.owner(1), Some(11));
    page.vacate(1, 11);
    assert_eq!(page.owner(1), None);
}

#[test]
fn a_claim_on_a_seats_former_life_is_not_given_back_twice() {
    let page = Page::create().unwrap();
    let claim = page.claim_any(4);
    page.mark(4, Mark::Stuck);
    page.reset(4);
    assert_eq!(page.load(4), 0);
    assert!(page.marks(4).is_empty());
    page.claim_any(4);
    page.release(claim);
    assert_eq!(page.load(4), 1);
}

#[test]
fn a_count_below_zero_reads_as_zero_and_recovers() {
    let page = Page::create().unwrap();
    let claim = page.claim_any(4);
    page.release(claim);
    page.release(claim);
    assert_eq!(page.load(4), 0);
    assert!(page.claim(4, 0).is_some());
    assert_eq!(page.load(4), 1);
}

#[test]
fn a_correction_applies_only_to_the_load_that_was_seen() {
    let page = Page::create().unwrap();
    for _ in 0..3 {
        page.claim_any(4);
    }
    page.correct(4, 2, 1);
    assert_eq!(page.load(4), 3);
    page.correct(4, 3, 1);
    assert_eq!(page.load(4), 2);
}

#[test]
fn any_content_is_survived() {
    let page = Page::create().unwrap();
    for word in &page.0.words()[OWNERS..] {
        word.store(u32::MAX, Relaxed);
    }
    for slot in [0, 1, 256, 257, u16::MAX] {
        assert_eq!(page.owner(slot), None);
    }
    for seat in [0, SEATS - 1, SEATS, u16::MAX] {
        assert_eq!(page.load(seat), 0);
        page.release(page.claim_any(seat));
        page.reset(seat);
        assert_eq!(page.load(seat), 0);
    }
}

#[test]
fn a_claim_survives_its_journey() {
    let page = Page::create().unwrap();
    page.reset(513);
    let claim = page.claim_any(513);
    assert_eq!(Claim::from_bytes(claim.to_bytes()), claim);
    assert!(page.holds(513, claim) && !page.holds(512, claim));
    page.reset(513);
    assert!(!page.holds(513, claim));
}

#[test]
fn a_page_that_could_shrink_is_refused() {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let fd = memfd_create(c"unsealed", flags).unwrap();
    ftruncate(&fd, BYTES.get() as i64).unwrap();
    let refused = Page::map(fd).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
}

#[test]
fn a_page_of_another_layout_is_refused() {
    let page = Page::create().unwrap();
    page.0.words()[LAYOUT_WORD].store(LAYOUT + 1, Relaxed);
    let refused = Page::map(page.fd().try_clone_to_owned().unwrap()).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
}
