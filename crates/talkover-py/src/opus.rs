//! Opus outside of a call: for a leg that sends and gets packets by another way than RTP.

use std::sync::Mutex;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use talkover_media::codec::{CodecError, Encoder, StrictDecoder, VOICE_FRAME};

use crate::{lock, samples};

fn refused(error: CodecError) -> PyErr {
    PyValueError::new_err(error.description().to_owned())
}

#[pyclass(module = "talkover._core", frozen)]
pub(crate) struct OpusDecoder {
    opus: Mutex<StrictDecoder>,
}

#[pymethods]
impl OpusDecoder {
    #[new]
    fn new() -> PyResult<Self> {
        let opus = Mutex::new(StrictDecoder::new().map_err(refused)?);
        Ok(Self { opus })
    }

    fn push<'py>(&self, py: Python<'py>, packet: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let mut opus = lock(&self.opus);
        let sound = opus.decode(packet).map_err(refused)?;
        let pcm: Vec<u8> = sound.iter().flat_map(|s| s.to_le_bytes()).collect();
        Ok(PyBytes::new(py, &pcm))
    }
}

/// An encoder, and what is short of a frame.
struct Packing {
    opus: Encoder,
    rest: Vec<i16>,
}

#[pyclass(module = "talkover._core", frozen)]
pub(crate) struct OpusEncoder {
    packing: Mutex<Packing>,
}

#[pymethods]
impl OpusEncoder {
    #[new]
    #[pyo3(signature = (bitrate=28_000))]
    fn new(bitrate: i32) -> PyResult<Self> {
        let opus = Encoder::new(bitrate).map_err(refused)?;
        let rest = Vec::new();
        Ok(Self {
            packing: Mutex::new(Packing { opus, rest }),
        })
    }

    fn push(&self, py: Python<'_>, pcm: &[u8]) -> PyResult<Vec<Py<PyBytes>>> {
        let samples = samples(pcm)?;
        let mut packing = lock(&self.packing);
        let Packing { opus, rest } = &mut *packing;
        rest.extend(samples);
        let (frames, over) = rest.as_chunks::<VOICE_FRAME>();
        let packets = frames
            .iter()
            .filter_map(|frame| Some(PyBytes::new(py, opus.encode(frame)?).unbind()))
            .collect();
        *rest = over.to_vec();
        Ok(packets)
    }
}

#[pyfunction]
#[pyo3(signature = (pcm, bitrate=20_000, wideband=true))]
pub(crate) fn encode_opus(
    py: Python<'_>,
    pcm: &[u8],
    bitrate: i32,
    wideband: bool,
) -> PyResult<Vec<Py<PyBytes>>> {
    let samples = samples(pcm)?;
    let mut encoder = Encoder::as_browsers(bitrate, wideband).map_err(refused)?;
    let mut packets = Vec::with_capacity(samples.len() / VOICE_FRAME + 1);
    for chunk in samples.chunks(VOICE_FRAME) {
        let mut frame = [0; VOICE_FRAME];
        frame[..chunk.len()].copy_from_slice(chunk);
        packets.extend(
            encoder
                .encode(&frame)
                .map(|packet| PyBytes::new(py, packet).unbind()),
        );
    }
    Ok(packets)
}
