use std::sync::mpsc;
use std::time::Instant;

use super::*;

/// Nothing here takes that long unless it is broken.
const DEADLINE: Duration = Duration::from_secs(20);

/// One more than the largest number that the kernel gives a process.
const NOBODY: u32 = (1 << 22) + 1;

fn own_pid() -> u32 {
    std::process::id()
}

#[test]
fn the_threads_of_this_process_are_seen_with_their_names_and_states() {
    let (tell, told) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let sleeper = std::thread::Builder::new().name("sleeps (x) S".to_owned()).spawn(move || {
        tell.send(()).unwrap();
        // An error is what ends it.
        let _ = released.recv();
    });
    told.recv().unwrap();
    let deadline = Instant::now() + DEADLINE;
    let asleep = |thread: &Thread| thread.name == "sleeps (x) S" && thread.state == 'S';
    while !threads(own_pid()).iter().any(asleep) {
        assert!(Instant::now() < deadline, "{:?}", threads(own_pid()));
        std::thread::yield_now();
    }
    drop(release);
    sleeper.unwrap().join().unwrap();
}

#[test]
fn a_process_that_is_none_has_nothing_to_tell() {
    assert_eq!(threads(NOBODY), []);
    assert_eq!(cpu_time(NOBODY), None);
    assert!(!is_traced(NOBODY));
}

#[test]
fn cpu_time_grows_with_what_is_computed_whoever_asks() {
    let (before, own_before) = (cpu_time(own_pid()).unwrap(), own_cpu_time());
    let deadline = Instant::now() + DEADLINE;
    while own_cpu_time() < own_before + Duration::from_millis(2) {
        assert!(Instant::now() < deadline, "it is never charged");
    }
    assert!(cpu_time(own_pid()).unwrap() >= before + Duration::from_millis(2));
}

#[test]
fn memory_that_is_touched_becomes_resident() {
    // More than the tests beside this one may let go of meanwhile.
    const BYTES: usize = 128 << 20;
    let before = resident();
    assert!(before > 0);
    let touched = vec![1u8; BYTES];
    let grown = resident().saturating_sub(before);
    assert!(grown > touched.len() as u64 / 2, "{grown} bytes more");
}

#[test]
fn a_name_may_look_like_anything() {
    let of = |stat| name_and_state(stat);
    assert_eq!(of("17 (a.out) S 1 17"), Some(("a.out".to_owned(), 'S')));
    assert_eq!(of("17 () R (x) R 1 17"), Some((") R (x".to_owned(), 'R')));
    assert_eq!(of("17 (a.out)"), None);
    assert_eq!(of(""), None);
}

#[test]
fn a_stack_is_its_functions() {
    let stack = "[<0>] futex_wait_queue+0x61/0x90\n[<0>] do_futex+0x1/0x2\nnonsense\n";
    assert_eq!(functions(stack), ["futex_wait_queue", "do_futex"]);
}

#[test]
fn a_tracer_is_found_in_the_status() {
    assert_eq!(tracer("Name:\tx\nTracerPid:\t0\nUid:\t0"), Some(0));
    assert_eq!(tracer("Name:\tx\nTracerPid:\t17\n"), Some(17));
    assert_eq!(tracer("Name:\tx\n"), None);
}
