use std::time::Instant;

use super::*;

const PERIOD: Duration = Duration::from_millis(20);

#[tokio::test(start_paused = true)]
async fn a_paused_clock_neither_hurries_the_beats_nor_is_held_up_by_them() {
    let mut ticks = Ticks::every(PERIOD).unwrap();
    ticks.next().await.unwrap();
    let began = Instant::now();
    for _ in 0..3 {
        ticks.next().await.unwrap();
    }
    // The first of them may have been taken late.
    assert!(began.elapsed() >= PERIOD, "real time: {:?}", began.elapsed());
    let paused = tokio::time::Instant::now();
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(3600)) => {}
        () = async { while ticks.next().await.is_ok() {} } => unreachable!("it ticks for ever"),
    }
    assert!(paused.elapsed() >= Duration::from_secs(3600));
    assert!(began.elapsed() < Duration::from_secs(60), "an hour passed at once");
}

#[tokio::test]
async fn a_tick_that_was_not_waited_for_is_not_lost_and_comes_once() {
    let mut ticks = Ticks::every(PERIOD).unwrap();
    drop(ticks.next());
    let began = Instant::now();
    for _ in 0..4 {
        ticks.next().await.unwrap();
    }
    assert!(began.elapsed() >= PERIOD * 2, "it spins: {:?}", began.elapsed());
}

#[test]
fn who_is_not_watched_keeps_to_its_reports() {
    let (beat, report) = (Some(PERIOD), Some(PERIOD * 2));
    let pace = Pace { beat, report, report_at: None };
    assert_eq!(pace.every(), beat);
    assert_eq!(pace.unwatched().every(), report);
    assert_eq!(Pace { report: None, ..pace }.unwatched().every(), None);
}
