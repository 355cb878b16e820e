//! The Python edge of `talkover-media`: `Media`, `Peer`, and items as tuples. No logic lives here.
//!
//! Every call that waits or computes lets the interpreter go on; the media thread never enters it.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};
use talkover_media::driver::{Action, Media as Driver};
use talkover_media::notice::{Notice, Side};
use talkover_media::peer::texts::TextError;
use talkover_media::playout::{Event, Pcm};
use talkover_media::reflex::Policy;
use talkover_media::resample::Resampler;
use talkover_media::sdp::SdpError;
use talkover_media::voice::Shared;

mod items;
mod opus;
mod simulation;

pyo3::create_exception!(
    _core,
    OfferError,
    PyValueError,
    "An SDP that cannot be used."
);

pyo3::create_exception!(
    _core,
    TextTooLong,
    PyValueError,
    "A text that the other side's data channel does not take."
);
pyo3::create_exception!(
    _core,
    ChannelFull,
    PyRuntimeError,
    "Too much waits for the data channel already."
);

/// Rate of the agent's voice inside, Hz.
const VOICE_RATE: u32 = 24_000;
/// Rate at which a caller is heard, Hz.
const EAR_RATE: u32 = 16_000;

/// A look that waits longer has been forgotten.
const MOST_PATIENCE_MS: u64 = 60_000;

type Handle = Arc<Mutex<Option<Driver>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn offer_error(error: SdpError) -> PyErr {
    OfferError::new_err(error.to_string())
}

fn text_error(error: TextError) -> PyErr {
    match error {
        TextError::TooLong { .. } => TextTooLong::new_err(error.to_string()),
        _ => ChannelFull::new_err(error.to_string()),
    }
}

fn closed() -> PyErr {
    PyRuntimeError::new_err("The media thread was closed.")
}

#[pyclass(module = "talkover._core", frozen)]
struct Media {
    driver: Handle,
    #[pyo3(get)]
    port: u16,
    fd: i32,
}

#[pymethods]
impl Media {
    #[new]
    #[pyo3(signature = (host, port, public_ip=None, threads=1))]
    fn new(host: &str, port: u16, public_ip: Option<&str>, threads: usize) -> PyResult<Self> {
        let address = |text: &str| -> PyResult<IpAddr> {
            let text = if text == "localhost" {
                "127.0.0.1"
            } else {
                text
            };
            let problem = format!("{text:?} is not an IP address; use one such as 127.0.0.1.");
            text.parse().map_err(|_| PyValueError::new_err(problem))
        };
        let public = public_ip.map(address).transpose()?;
        let driver = Driver::bind(address(host)?, port, public, threads.max(1))
            .map_err(|error| PyOSError::new_err(format!("{host}:{port}: {error}")))?;
        let (port, fd) = (driver.port(), driver.inbox().fd());
        Ok(Self {
            driver: Arc::new(Mutex::new(Some(driver))),
            port,
            fd,
        })
    }

    fn fileno(&self) -> i32 {
        self.fd
    }

    fn answer(&self, py: Python<'_>, offer: &str) -> PyResult<(Peer, String)> {
        let made = py.detach(|| self.with(|driver| driver.answer(offer)))?;
        let (id, shared, sdp) = made.map_err(offer_error)?;
        Ok((self.peer(id, shared, false), sdp))
    }

    #[pyo3(signature = (tcp=false, video=false))]
    fn dial(&self, py: Python<'_>, tcp: bool, video: bool) -> PyResult<(Peer, String)> {
        let made = py.detach(|| self.with(|driver| driver.dial(tcp, video)))?;
        let (id, shared, sdp) = made.map_err(offer_error)?;
        Ok((self.peer(id, shared, tcp), sdp))
    }

    fn attach(&self) -> PyResult<Peer> {
        let (id, shared) = self.with(Driver::attach)?;
        Ok(self.peer(id, shared, false))
    }

    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let notices = self.with(|driver| driver.inbox().drain())?;
        items::list(py, Instant::now(), notices)
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        self.with(|driver| {
            let stats = driver.stats();
            dict.set_item("lateness_p50_ms", stats.lateness(0.5).1)?;
            dict.set_item("lateness_p99_ms", stats.lateness(0.99).1)?;
            let sent = stats.frames_sent.load(Ordering::Relaxed);
            dict.set_item("frames_sent", sent)?;
            let late = stats.frames_late.load(Ordering::Relaxed);
            dict.set_item("frames_late", late)?;
            dict.set_item("peers", stats.peers.load(Ordering::Relaxed))?;
            dict.set_item("frames_in", stats.frames_in.load(Ordering::Relaxed))?;
            dict.set_item("packets_in", stats.packets_in.load(Ordering::Relaxed))?;
            dict.set_item("packets_out", stats.packets_out.load(Ordering::Relaxed))?;
            dict.set_item(
                "inbox_dropped",
                driver.inbox().dropped.load(Ordering::Relaxed),
            )
        })??;
        Ok(dict)
    }

    fn reset_lateness(&self) -> PyResult<()> {
        self.with(|driver| driver.stats().reset())
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| drop(lock(&self.driver).take()));
    }
}

impl Media {
    fn with<T>(&self, use_it: impl FnOnce(&Driver) -> T) -> PyResult<T> {
        lock(&self.driver).as_ref().map(use_it).ok_or_else(closed)
    }

    fn peer(&self, id: u64, shared: Arc<Shared>, tcp: bool) -> Peer {
        Peer::new(Host::Driver(Arc::clone(&self.driver)), id, shared, tcp)
    }
}

/// Who runs a peer's commands.
enum Host {
    Driver(Handle),
    Simulation(simulation::Shared),
}

/// What was queued of one reply, and the resampler of its stream.
struct Queued {
    rate: u32,
    resampler: Resampler,
    taken: u64,
    made: u64,
}

#[pyclass(module = "talkover._core", frozen)]
struct Peer {
    host: Host,
    #[pyo3(get)]
    id: u64,
    shared: Arc<Shared>,
    tcp: bool,
    ear: Mutex<Resampler>,
    voices: Mutex<HashMap<u32, Queued>>,
}

#[pymethods]
impl Peer {
    fn accept(&self, py: Python<'_>, answer: &str) -> PyResult<()> {
        let Host::Driver(driver) = &self.host else {
            return Err(offer_error(SdpError::Refused));
        };
        py.detach(|| match lock(driver).as_ref() {
            Some(driver) => driver
                .accept(self.id, answer, self.tcp)
                .map_err(offer_error),
            None => Err(closed()),
        })
    }

    fn restart(&self, py: Python<'_>, offer: &str) -> PyResult<()> {
        let Host::Driver(driver) = &self.host else {
            return Err(offer_error(SdpError::Refused));
        };
        py.detach(|| match lock(driver).as_ref() {
            Some(driver) => driver.restart(self.id, offer).map_err(offer_error),
            None => Err(closed()),
        })
    }

    fn offer_restart(&self) -> PyResult<()> {
        let Host::Driver(driver) = &self.host else {
            return Err(offer_error(SdpError::Refused));
        };
        let driver = lock(driver);
        driver.as_ref().ok_or_else(closed)?.offer_restart(self.id);
        Ok(())
    }

    fn listen(&self, py: Python<'_>, pcm: &[u8]) -> PyResult<()> {
        let samples = samples(pcm)?;
        py.detach(|| {
            let mut heard = Vec::with_capacity(samples.len() * 2 / 3 + 1);
            lock(&self.ear).push(&samples, &mut heard);
            self.run(Box::new(move |peer, now| peer.hear(&heard, now)))
        })
    }

    #[pyo3(signature = (epoch, pcm, rate, marks, guarded=false))]
    fn play(
        &self,
        py: Python<'_>,
        epoch: u32,
        pcm: PyBackedBytes,
        rate: u32,
        marks: Vec<u64>,
        guarded: bool,
    ) -> PyResult<i64> {
        let rate = checked(rate)?;
        whole(&pcm)?;
        if self.shared.dead.load(Ordering::Relaxed) >= epoch {
            return Ok(-1);
        }
        py.detach(|| {
            let mut voices = lock(&self.voices);
            voices.retain(|known, _| *known + 4 > epoch);
            let queued = voices.entry(epoch).or_insert_with(|| Queued::new(rate));
            let (voice, marks) = queued.convert(pcm, rate, &marks)?;
            let queued_ms = queued.made / 24;
            drop(voices);
            self.run(Box::new(move |peer, now| {
                peer.with_voice(now, |out| {
                    out.playout.play(epoch, voice, &marks, guarded);
                    out.wake(now);
                });
            }))?;
            Ok(queued_ms.saturating_sub(u64::from(self.shared.played_ms(epoch))) as i64)
        })
    }

    #[pyo3(signature = (packets, looped=false, deaf=false))]
    fn play_opus(&self, packets: Vec<Vec<u8>>, looped: bool, deaf: bool) -> PyResult<()> {
        let packets: Vec<Arc<[u8]>> = packets.into_iter().map(Into::into).collect();
        self.run(Box::new(move |peer, now| {
            peer.play_packets(packets, looped, deaf, now)
        }))
    }

    fn finish(&self, epoch: u32) -> PyResult<()> {
        let rest = lock(&self.voices)
            .remove(&epoch)
            .map(Queued::finish)
            .unwrap_or_default();
        self.run(Box::new(move |peer, now| {
            peer.with_voice(now, |out| {
                let guarded = out.playout.ends_guarded(epoch);
                out.playout.play(epoch, &rest, &[], guarded);
                out.playout.finish(epoch);
                out.wake(now);
            });
        }))
    }

    fn release(&self, epoch: u32) -> PyResult<()> {
        self.run(Box::new(move |peer, now| {
            peer.with_voice(now, |out| {
                out.playout.release(epoch);
                out.wake(now);
            });
        }))
    }

    fn flush(&self, epoch: u32) -> PyResult<()> {
        self.shared.dead.fetch_max(epoch, Ordering::Relaxed);
        self.run(Box::new(move |peer, now| {
            peer.with_voice(now, |out| out.flush(epoch, now))
        }))
    }

    fn hold(&self) -> PyResult<()> {
        self.run(Box::new(|peer, now| {
            peer.with_voice(now, |out| out.hold(now))
        }))
    }

    fn resume(&self) -> PyResult<()> {
        self.run(Box::new(|peer, now| {
            peer.with_voice(now, |out| out.resume(now))
        }))
    }

    #[pyo3(signature = (*, duck, hold, hold_after_ms, resume_after_ms, max_hold_ms))]
    fn policy(
        &self,
        duck: bool,
        hold: bool,
        hold_after_ms: u32,
        resume_after_ms: u32,
        max_hold_ms: u32,
    ) -> PyResult<()> {
        let policy = Policy {
            duck,
            hold,
            hold_after_ms,
            resume_after_ms,
            max_hold_ms,
        };
        self.run(Box::new(move |peer, now| {
            peer.with_voice(now, |out| out.set_policy(policy))
        }))
    }

    fn look(&self, patience_ms: u64) -> PyResult<()> {
        if let Host::Simulation(peers) = &self.host {
            lock(peers).look(self.id);
            return Ok(());
        }
        let patience = Duration::from_millis(patience_ms.min(MOST_PATIENCE_MS));
        self.run(Box::new(move |peer, now| peer.look(now, patience)))
    }

    fn show(&self, webp: &[u8]) -> PyResult<()> {
        let frame: Arc<[u8]> = key_frame(webp)?.into();
        if let Host::Simulation(peers) = &self.host {
            lock(peers).show(self.id, frame);
            return Ok(());
        }
        self.run(Box::new(move |peer, now| peer.show(frame, now)))
    }

    fn suppress_noise(&self, on: bool) -> PyResult<()> {
        self.run(Box::new(move |peer, _| peer.suppress_noise(on)))
    }

    fn record(&self, on: bool) -> PyResult<()> {
        self.run(Box::new(move |peer, _| peer.record(on)))
    }

    fn send(&self, text: String) -> PyResult<()> {
        self.shared.texts.reserve(text.len()).map_err(text_error)?;
        self.run(Box::new(move |peer, now| peer.send(text, now)))
    }

    fn close(&self) {
        // Closing what is closed already is fine.
        let _ = self.run(Box::new(|peer, now| peer.hang_up(now)));
    }
}

impl Peer {
    fn new(host: Host, id: u64, shared: Arc<Shared>, tcp: bool) -> Self {
        Self {
            host,
            id,
            shared,
            tcp,
            ear: Mutex::new(Resampler::new(VOICE_RATE, EAR_RATE)),
            voices: Mutex::default(),
        }
    }

    fn run(&self, action: Action) -> PyResult<()> {
        match &self.host {
            Host::Driver(driver) => match lock(driver).as_ref() {
                Some(driver) => {
                    driver.run(self.id, action);
                    Ok(())
                }
                None => Err(closed()),
            },
            Host::Simulation(peers) => {
                // As with a real call, commands to a peer that is gone are nobody's.
                lock(peers).run(self.id, action);
                Ok(())
            }
        }
    }
}

impl Queued {
    fn new(rate: u32) -> Self {
        Self {
            rate,
            resampler: Resampler::new(rate, VOICE_RATE),
            taken: 0,
            made: 0,
        }
    }

    /// The chunk at 24 kHz, and where in it the marks fall. One that has this rate is not copied.
    fn convert(
        &mut self,
        chunk: PyBackedBytes,
        rate: u32,
        marks: &[u64],
    ) -> PyResult<(Pcm, Vec<usize>)> {
        let count = chunk.len() as u64 / 2;
        let mut rest = Vec::new();
        if rate != self.rate {
            self.resampler.finish(&mut rest);
            self.taken = self.made * u64::from(rate) / u64::from(VOICE_RATE);
            *self = Self {
                made: self.made,
                taken: self.taken,
                ..Self::new(rate)
            };
        }
        let scale = |n: u64| n * u64::from(VOICE_RATE) / u64::from(rate);
        let marks = marks
            .iter()
            .map(|mark| scale(self.taken + mark).saturating_sub(self.made) as usize)
            .collect();
        self.taken += count;
        if rate == VOICE_RATE && rest.is_empty() {
            self.made += count;
            return Ok((Pcm::Shared(Box::new(chunk)), marks));
        }
        self.resampler.push(&samples(&chunk)?, &mut rest);
        self.made += rest.len() as u64;
        Ok((Pcm::Own(rest), marks))
    }

    fn finish(mut self) -> Vec<i16> {
        let mut rest = Vec::new();
        self.resampler.finish(&mut rest);
        rest
    }
}

fn checked(rate: u32) -> PyResult<u32> {
    let problem = || PyValueError::new_err("Use a sample rate from 4000 to 192000 Hz.");
    (4000..=192_000)
        .contains(&rate)
        .then_some(rate)
        .ok_or_else(problem)
}

fn key_frame(webp: &[u8]) -> PyResult<&[u8]> {
    talkover_media::webp::to_send(webp).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn whole(pcm: &[u8]) -> PyResult<&[[u8; 2]]> {
    let (pairs, rest) = pcm.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(PyValueError::new_err(
            "16-bit PCM has an even number of bytes.",
        ));
    }
    Ok(pairs)
}

/// The mean square of each `step` samples; the last may be of fewer.
#[pyfunction]
fn loudness(pcm: &[u8], step: usize) -> PyResult<Vec<f64>> {
    if step == 0 {
        return Err(PyValueError::new_err("A step has at least one sample."));
    }
    let energy = |pair: &[u8; 2]| f64::from(i16::from_le_bytes(*pair)).powi(2);
    let mean = |part: &[[u8; 2]]| part.iter().map(energy).sum::<f64>() / part.len() as f64;
    Ok(whole(pcm)?.chunks(step).map(mean).collect())
}

fn samples(pcm: &[u8]) -> PyResult<Vec<i16>> {
    let pairs = whole(pcm)?.iter();
    Ok(pairs.map(|pair| i16::from_le_bytes(*pair)).collect())
}

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("OfferError", module.py().get_type::<OfferError>())?;
    module.add("TextTooLong", module.py().get_type::<TextTooLong>())?;
    module.add("ChannelFull", module.py().get_type::<ChannelFull>())?;
    module.add_class::<Media>()?;
    module.add_class::<Peer>()?;
    module.add_class::<simulation::Simulation>()?;
    module.add_class::<opus::OpusDecoder>()?;
    module.add_class::<opus::OpusEncoder>()?;
    module.add_function(wrap_pyfunction!(opus::encode_opus, module)?)?;
    module.add_function(wrap_pyfunction!(loudness, module)?)
}
