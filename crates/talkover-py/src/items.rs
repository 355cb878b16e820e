//! Notices as tuples: (kind, peer, fields…).

use pyo3::IntoPyObjectExt;

use super::*;

/// `now`: when they are handed over.
pub(crate) fn list(
    py: Python<'_>,
    now: Instant,
    notices: impl IntoIterator<Item = (u64, Notice)>,
) -> PyResult<Bound<'_, PyList>> {
    let list = PyList::empty(py);
    for (peer, notice) in notices {
        if let Some(item) = item(py, now, peer, notice)? {
            list.append(item)?;
        }
    }
    Ok(list)
}

/// None: Python has no use for it.
fn item(
    py: Python<'_>,
    now: Instant,
    peer: u64,
    notice: Notice,
) -> PyResult<Option<Bound<'_, PyAny>>> {
    let age = |at: Instant| now.saturating_duration_since(at).as_secs_f64();
    let tuple = match notice {
        Notice::Connected(transport) => ("connected", peer, transport).into_pyobject(py)?,
        Notice::Open => ("open", peer).into_pyobject(py)?,
        Notice::Text(text) => ("text", peer, text).into_pyobject(py)?,
        Notice::Audio { at, pcm } => ("audio", peer, at, bytes(py, &pcm)?).into_pyobject(py)?,
        Notice::Speech { on, at, echo_db } => {
            ("speech", peer, on, at, echo_db).into_pyobject(py)?
        }
        Notice::Voice(event) => return voice(py, peer, event),
        Notice::Started { epoch, rtp, at } => {
            ("started", peer, epoch, rtp, age(at)).into_pyobject(py)?
        }
        Notice::Output { epoch, pcm } => {
            ("output", peer, epoch, bytes(py, &pcm)?).into_pyobject(py)?
        }
        Notice::Packet {
            side,
            ticks,
            began,
            opus,
        } => {
            let user = side == Side::User;
            // Sound for a socket is made before its time, which is then negative.
            let age = age(began) - began.saturating_duration_since(now).as_secs_f64();
            let opus = PyBytes::new(py, &opus);
            ("packet", peer, user, ticks, age, opus).into_pyobject(py)?
        }
        Notice::Described(Ok(sdp)) => {
            ("described", peer, Some(sdp), None::<String>).into_pyobject(py)?
        }
        Notice::Described(Err(error)) => {
            ("described", peer, None::<String>, Some(error.to_string())).into_pyobject(py)?
        }
        Notice::Video { comes, goes } => ("video", peer, comes, goes).into_pyobject(py)?,
        Notice::Picture {
            taken,
            width,
            height,
            webp,
        } => {
            let webp = PyBytes::new(py, &webp);
            ("picture", peer, age(taken), width, height, webp).into_pyobject(py)?
        }
        Notice::KeyFrame { taken, h264 } => {
            ("key_frame", peer, age(taken), PyBytes::new(py, &h264)).into_pyobject(py)?
        }
        Notice::Quiet => ("quiet", peer).into_pyobject(py)?,
        Notice::Back => ("back", peer).into_pyobject(py)?,
        Notice::Rtt { ms, loss } => ("rtt", peer, ms, loss).into_pyobject(py)?,
        Notice::Closed(reason) => ("closed", peer, reason).into_pyobject(py)?,
    };
    tuple.into_bound_py_any(py).map(Some)
}

fn voice(py: Python<'_>, peer: u64, event: Event) -> PyResult<Option<Bound<'_, PyAny>>> {
    let (kind, epoch, value) = match event {
        Event::Started { .. } => return Ok(None),
        Event::Guarded { epoch, on } => {
            let tuple: Bound<'_, PyTuple> = ("guarded", peer, epoch, on).into_pyobject(py)?;
            return Ok(Some(tuple.into_any()));
        }
        Event::Word { epoch, index } => ("word", epoch, index),
        Event::Room { epoch, queued_ms } => ("room", epoch, queued_ms),
        Event::Stopped { epoch, played_ms } => ("stopped", epoch, played_ms),
        Event::Flushed { epoch, played_ms } => ("flushed", epoch, played_ms),
        Event::Ducked { epoch, position_ms } => ("ducked", epoch, position_ms),
        Event::Held { epoch, position_ms } => ("held", epoch, position_ms),
        Event::Resumed { epoch, position_ms } => ("resumed", epoch, position_ms),
    };
    let tuple: Bound<'_, PyTuple> = (kind, peer, epoch, value).into_pyobject(py)?;
    Ok(Some(tuple.into_any()))
}

fn bytes<'py>(py: Python<'py>, pcm: &[i16]) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, 2 * pcm.len(), |raw| {
        let (pairs, _) = raw.as_chunks_mut::<2>();
        for (pair, sample) in pairs.iter_mut().zip(pcm) {
            *pair = sample.to_le_bytes();
        }
        Ok(())
    })
}
