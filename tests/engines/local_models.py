"""Models of the real ones' signatures with weights of our own, made when a test needs them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RATE = 16000
PER_PHONEME = 800
"""Samples that the voices here make of each phoneme."""
FOREVER = 1e12


def save(graph: onnx.GraphProto, file: Path) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, file)
    return file


def constant(name: str, value: object, kind: type = np.float32) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(value, kind), name)


def tone(
    ids: str, out: str, spin: str | None
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Nodes that make a wave of each id: its number is its pitch. `spin`: a name of the number of
    times that a loop goes round first, one round of it a multiplication of 64 x 64."""
    nodes = [
        helper.make_node("Cast", [ids], ["pitch"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["pitch", "column"], ["column_of_pitch"]),
        helper.make_node("MatMul", ["column_of_pitch", "time"], ["phase"]),
        helper.make_node("Sin", ["phase"], ["wave"]),
        helper.make_node("Reshape", ["wave", "row"], ["flat"]),
    ]
    time = np.arange(PER_PHONEME)[np.newaxis] * 0.01
    weights: list[onnx.TensorProto] = [
        constant("column", [-1, 1], np.int64), constant("row", [1, 1, -1], np.int64),
        constant("time", time), constant("half", 0.5),
    ]  # fmt: skip
    if spin is None:
        return [*nodes, helper.make_node("Mul", ["flat", "half"], [out])], weights
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["m_in", "w"], ["product"]),
            helper.make_node("Tanh", ["product"], ["m_out"]),
            helper.make_node("Identity", ["on_in"], ["on_out"]),
        ],
        "round",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("on_in", TensorProto.BOOL, []),
            helper.make_tensor_value_info("m_in", TensorProto.FLOAT, [64, 64]),
        ],
        [
            helper.make_tensor_value_info("on_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("m_out", TensorProto.FLOAT, [64, 64]),
        ],
    )
    nodes += [
        helper.make_node("Cast", [spin], ["rounds"], to=TensorProto.INT64),
        helper.make_node("Loop", ["rounds", "yes", "m"], ["m_end"], body=body),
        helper.make_node("ReduceMean", ["m_end"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
        helper.make_node("Add", ["half", "zero"], ["level"]),
        helper.make_node("Mul", ["flat", "level"], [out]),
    ]
    matrix = np.random.default_rng(1).normal(0, 0.1, (64, 64))
    weights += [
        constant("w", matrix), constant("m", matrix), constant("nothing", 0.0),
        constant("yes", True, np.bool_),
    ]  # fmt: skip
    return nodes, weights


IPA = [*"_^$ ,;:.!?", *"abdefghijklmnoprstuvwxyz", *"æðŋɑɐɔəɚɛɜɡɪɹʃʊʌʒˈˌːθɾ"]


def piper(folder: Path, *, speakers: int = 1) -> Path:
    """Piper's VITS: input, input_lengths, scales (and sid) → output. At less than its usual speed
    (length_scale above 1) it never ends."""
    nodes, weights = tone("input", "output", "rounds_wanted")
    nodes = [
        helper.make_node("Slice", ["scales", "one", "two"], ["length"]),
        helper.make_node("Sub", ["length", "one_f"], ["slower"]),
        helper.make_node("Mul", ["slower", "forever"], ["many"]),
        helper.make_node("Reshape", ["many", "scalar"], ["many_0"]),
        helper.make_node("Max", ["many_0", "none_f"], ["rounds_wanted"]),
        *nodes,
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, "n"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    if speakers > 1:
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, [1]))
    graph = helper.make_graph(
        nodes, "piper", inputs,
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, "samples"])],
        [
            *weights, constant("one", [1], np.int64), constant("two", [2], np.int64),
            constant("one_f", 1.0), constant("forever", FOREVER), constant("none_f", 0.0),
            constant("scalar", [], np.int64),
        ],
    )  # fmt: skip
    file = save(graph, folder / "tiny.onnx")
    settings = {
        "audio": {"sample_rate": RATE},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_id_map": {one: [at] for at, one in enumerate(IPA)},
        "num_speakers": speakers,
        "speaker_id_map": {f"speaker{n}": n for n in range(speakers)} if speakers > 1 else {},
    }
    Path(f"{file}.json").write_text(json.dumps(settings))
    return file


def kokoro(folder: Path) -> Path:
    """Kokoro: input_ids, style, speed → waveform, and two voices."""
    nodes, weights = tone("input_ids", "waveform_3", None)
    graph = helper.make_graph(
        [
            *nodes,
            helper.make_node("Reshape", ["waveform_3", "flat_row"], ["all"]),
            helper.make_node("ReduceMean", ["style"], ["loud"], keepdims=0),
            helper.make_node("Mul", ["all", "loud"], ["waveform"]),
        ],
        "kokoro",
        [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "n"]),
            helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, 256]),
            helper.make_tensor_value_info("speed", TensorProto.FLOAT, [1]),
        ],
        [helper.make_tensor_value_info("waveform", TensorProto.FLOAT, [1, "samples"])],
        [*weights, constant("flat_row", [1, -1], np.int64)],
    )
    save(graph, folder / "model_quantized.onnx")
    for voice, loud in (("af_heart", 1.0), ("bf_emma", 0.25), ("jf_alpha", 1.0)):
        np.full((510, 1, 256), loud, np.float32).tofile(folder / f"{voice}.bin")
    letters = [*IPA, *"AIWYOQʤʧ"]
    vocabulary = {"model": {"vocab": {one: at for at, one in enumerate(letters)}}}
    (folder / "tokenizer.json").write_text(json.dumps(vocabulary))
    return folder
