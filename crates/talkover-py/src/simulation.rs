//! Peers in virtual time, for `talkover.testing`.

use talkover_media::simulation::Simulation as Peers;
use talkover_media::vp8::KeyFrame;

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

    fn film(&self, peer: u64, webp: Option<&[u8]>) -> PyResult<()> {
        let camera = match webp {
            Some(webp) => KeyFrame::of(key_frame(webp)?),
            None => None,
        };
        lock(&self.peers).film(peer, camera);
        Ok(())
    }

    fn seen<'py>(&self, py: Python<'py>, peer: u64) -> Vec<(u64, Bound<'py, PyBytes>)> {
        let peers = lock(&self.peers);
        let seen = peers.seen(peer).iter();
        seen.filter_map(|(at, frame)| {
            let webp = KeyFrame::of(frame)?.webp;
            Some((at.as_millis() as u64, PyBytes::new(py, &webp)))
        })
        .collect()
    }

    fn advance(&self, until: u64) -> u64 {
        let now = lock(&self.peers).advance(Duration::from_nanos(until));
        now.as_nanos() as u64
    }

    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let mut peers = lock(&self.peers);
        let (now, told) = (peers.now(), peers.drain());
        drop(peers);
        items::list(py, now, told)
    }

    fn heard(&self, peer: u64) -> Vec<(u64, u64, i16)> {
        let ms = |at: Duration| at.as_millis() as u64;
        let peers = lock(&self.peers);
        let spans = peers.heard(peer).iter();
        spans.map(|s| (ms(s.from), ms(s.to), s.level)).collect()
    }
}
