//! Peers in virtual time, for `talkover.testing`.

use std::time::{Duration, Instant};

use talkover_media::simulation::Simulation as Peers;

use super::*;

pub(crate) type Shared = Arc<Mutex<Peers>>;

#[pyclass(module = "talkover._core", frozen)]
pub(crate) struct Simulation {
    peers: Shared,
}

#[pymethods]
impl Simulation {
    #[new]
    fn new() -> Self {
        let peers = Peers::new(Instant::now());
        Self {
            peers: Arc::new(Mutex::new(peers)),
        }
    }

    fn attach(&self) -> Peer {
        let (id, shared) = lock(&self.peers).attach();
        Peer::new(Host::Simulation(Arc::clone(&self.peers)), id, shared, false)
    }

    fn speak(&self, peer: u64, begin: u64, end: u64) {
        lock(&self.peers).speak(peer, Duration::from_nanos(begin), Duration::from_nanos(end));
    }

    fn sound(&self, peer: u64, pcm: &[u8], rate: u32) -> PyResult<()> {
        let (mut resampler, mut heard) = (Resampler::new(checked(rate)?, EAR_RATE), Vec::new());
        resampler.push(&samples(pcm)?, &mut heard);
        resampler.finish(&mut heard);
        lock(&self.peers).play(peer, &heard);
        Ok(())
    }

    fn advance(&self, until: u64) -> u64 {
        let now = lock(&self.peers).advance(Duration::from_nanos(until));
        now.as_nanos() as u64
    }

    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let told = lock(&self.peers).drain();
        items::list(py, told)
    }

    fn heard(&self, peer: u64) -> Vec<(u64, u64, i16)> {
        let ms = |at: Duration| at.as_millis() as u64;
        let peers = lock(&self.peers);
        let spans = peers.heard(peer).iter();
        spans.map(|s| (ms(s.from), ms(s.to), s.level)).collect()
    }
}
