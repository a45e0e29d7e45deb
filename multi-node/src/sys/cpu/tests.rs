use std::sync::mpsc;
use std::time::Instant;

use super::*;

/// Nothing here takes that long unless it is broken.
const DEADLINE: Duration = Duration::from_secs(20);

#[test]
fn the_account_of_a_thread_that_runs_grows() {
    let thread = thread();
    let before = account(thread).unwrap();
    assert!(before.runnable, "it reads its own");
    let deadline = Instant::now() + DEADLINE;
    // The kernel charges this thread for the time that it spends here.
    while account(thread).unwrap().ran <= before.ran {
        assert!(Instant::now() < deadline, "it is never charged");
    }
}

#[test]
fn a_thread_that_sleeps_is_not_runnable() {
    let (tell, told) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let sleeper = std::thread::spawn(move || {
        tell.send(thread()).unwrap();
        // An error is what ends it.
        let _ = released.recv();
    });
    let thread = told.recv().unwrap();
    let deadline = Instant::now() + DEADLINE;
    while account(thread).unwrap().runnable {
        assert!(Instant::now() < deadline, "it never sleeps");
        std::thread::yield_now();
    }
    drop(release);
    sleeper.join().unwrap();
}

#[test]
fn a_thread_that_is_none_has_no_account() {
    assert_eq!(account(0), None);
    assert_eq!(account(u32::MAX), None);
}

#[test]
fn a_name_may_look_like_anything() {
    assert_eq!(state(b"17 (a.out) S 1 17"), Some(b'S'));
    assert_eq!(state(b"17 () R (x) R 1 17"), Some(b'R'));
    assert_eq!(state(b"17 (\xff) T 1 17"), Some(b'T'));
    assert_eq!(state(b"17 (a.out)"), None);
    assert_eq!(state(b""), None);
}

#[test]
fn times_are_the_first_two_numbers() {
    let ms = Duration::from_millis;
    assert_eq!(times(b"12000000 5000000 17\n"), Some((ms(12), ms(5))));
    assert_eq!(times(b"12000000"), None);
    assert_eq!(times(b"12000000 x 17\n"), None);
    assert_eq!(times(b""), None);
}
