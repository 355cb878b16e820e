//! What a frame of a call in full swing allocates in our own rooms, counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use talkover_media::codec::{EAR_FRAME, Encoder, VOICE_FRAME};
use talkover_media::denoise::Denoiser;
use talkover_media::ear::{Ear, Event};
use talkover_media::jitter::{JitterBuffer, Next};
use talkover_media::voice::Voice;

#[path = "../network/sound.rs"]
#[expect(dead_code, reason = "nothing is listened to here")]
mod sound;

use sound::{sample, tone};

/// The system's allocator, with a count of what it is asked for.
struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// An allocator cannot be written without `unsafe`; each call is handed on as it came, so the
// system's allocator keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const FRAME: Duration = Duration::from_millis(20);
const SECONDS: usize = 20;
const FRAMES: usize = SECONDS * 50;
/// Buffers have found their size by then.
const WARM: usize = FRAMES / 2;

/// Allocations in `work` for all frames after the first half.
fn counted(mut work: impl FnMut(usize)) -> usize {
    (0..WARM).for_each(&mut work);
    let before = COUNT.load(Ordering::Relaxed);
    (WARM..FRAMES).for_each(work);
    COUNT.load(Ordering::Relaxed) - before
}

fn of_jitter(start: Instant, packets: &[Arc<[u8]>]) -> usize {
    let mut jitter = JitterBuffer::default();
    counted(|n| {
        let now = start + FRAME * n as u32;
        jitter.insert(now, n as u64, n as u64 * 960, &packets[n]);
        while let Some(Next::Packet { .. }) = jitter.next(now, |_| 960) {}
    })
}

fn of_ear(start: Instant, packets: &[Arc<[u8]>]) -> usize {
    let mut ear = Ear::default();
    counted(|n| {
        let now = start + FRAME * n as u32;
        ear.receive(now, n as u64, n as u64 * 960, &packets[n]);
        ear.handle_timeout(now);
        while let Some(Event::Step(_) | Event::Audio { .. } | Event::Speech(..)) = ear.poll() {}
    })
}

fn of_voice(start: Instant) -> usize {
    let mut voice = Voice::new(start, Duration::ZERO, Arc::default());
    let mut encoder = Encoder::new(28_000).expect("an encoder");
    let pcm: Vec<i16> = (0..FRAMES * VOICE_FRAME)
        .map(|n| sample(440.0, n))
        .collect();
    let words: Vec<usize> = (0..FRAMES).map(|n| n * VOICE_FRAME).step_by(20).collect();
    voice.playout.play(1, &pcm, &words, false);
    voice.playout.release(1);
    voice.wake(start);
    counted(|n| {
        let now = start + FRAME * n as u32;
        let (_, _, frame) = voice.frame(now).expect("a frame is due");
        let (_, frame) = frame.expect("with sound");
        assert!(encoder.encode(&frame).is_some());
        while voice.poll(now).is_some() {}
    })
}

fn of_denoiser() -> usize {
    let mut denoiser = Denoiser::default();
    let noise: Vec<i16> = (0..EAR_FRAME).map(|n| (n * 7919 % 4001) as i16).collect();
    let mut pcm = [0; EAR_FRAME];
    counted(|_| {
        pcm.copy_from_slice(&noise);
        denoiser.clean(&mut pcm);
    })
}

/// In one test: the count is of the whole process.
#[test]
fn a_frame_allocates_what_is_handed_on_and_nothing_else() {
    let (start, packets) = (Instant::now(), tone(440.0, SECONDS));
    assert_eq!(
        of_jitter(start, &packets),
        0,
        "packets are shared, not copied"
    );
    // The samples of each frame: they go to another thread, which keeps them.
    assert_eq!(of_ear(start, &packets), FRAMES - WARM);
    assert_eq!(of_denoiser(), 0, "sound is cleaned where it lies");
    assert_eq!(of_voice(start), 0, "a frame is sent from where it was made");
}
