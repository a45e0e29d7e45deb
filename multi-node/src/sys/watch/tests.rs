use super::*;
use crate::sys::packet;

fn reported(watch: &Watch) -> Vec<Event> {
    let mut events = Vec::new();
    watch.take_events(&mut events).unwrap();
    events
}

/// Waits until the watch has something to say, as a runtime would.
fn wait(watch: &Watch) {
    let mut polled = [PollFd::new(watch.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut polled, PollTimeout::from(5_000u16)).unwrap(), 1, "nothing happened");
}

#[test]
fn a_socket_reports_once_until_it_is_armed_again() {
    let (here, there) = packet::packet_pair().unwrap();
    let watch = Watch::new().unwrap();
    watch.add(there.as_fd(), 9).unwrap();
    assert_eq!(reported(&watch), []);
    packet::send(here.as_fd(), b"x", &[]).unwrap();
    assert_eq!(reported(&watch), [Event::Fired(9)]);
    packet::send(here.as_fd(), b"x", &[]).unwrap();
    assert_eq!(reported(&watch), []);
    watch.arm(there.as_fd(), 9).unwrap();
    assert_eq!(reported(&watch), [Event::Fired(9)]);
}

#[test]
fn a_removed_socket_says_nothing() {
    let (here, there) = packet::packet_pair().unwrap();
    let watch = Watch::new().unwrap();
    watch.add(there.as_fd(), 9).unwrap();
    watch.remove(there.as_fd()).unwrap();
    packet::send(here.as_fd(), b"x", &[]).unwrap();
    assert_eq!(reported(&watch), []);
}

#[test]
fn the_alarm_goes_off_once() {
    let watch = Watch::new().unwrap();
    watch.set_alarm(Some(Duration::ZERO)).unwrap();
    wait(&watch);
    assert_eq!(reported(&watch), [Event::Alarm]);
    assert_eq!(reported(&watch), []);
    watch.set_alarm(Some(Duration::from_secs(3600))).unwrap();
    watch.set_alarm(None).unwrap();
    assert_eq!(reported(&watch), []);
}

#[test]
fn more_events_than_one_call_takes_are_all_reported() {
    let watch = Watch::new().unwrap();
    let pairs: Vec<_> = (0..20).map(|_| packet::packet_pair().unwrap()).collect();
    for (token, (here, there)) in (0..).zip(&pairs) {
        watch.add(there.as_fd(), token).unwrap();
        packet::send(here.as_fd(), b"x", &[]).unwrap();
    }
    assert_eq!(reported(&watch).len(), 20);
}

#[test]
fn either_socket_of_two_counts_as_readable() {
    let (here, there) = packet::packet_pair().unwrap();
    assert!(!any_readable([there.as_fd(), here.as_fd()]));
    packet::send(here.as_fd(), b"x", &[]).unwrap();
    assert!(any_readable([there.as_fd(), here.as_fd()]));
    assert!(any_readable([here.as_fd(), there.as_fd()]));
}
