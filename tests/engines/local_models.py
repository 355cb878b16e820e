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


def save(graph: onnx.GraphProto, file: Path, about: dict[str, object] | None = None) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(model, {name: str(value) for name, value in (about or {}).items()})
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


WORDS = ("one", "two", "three")
CHUNK = 16
"""Frames of 10 ms that the recogniser here takes at a time; it gives a word for each loud one."""


TOKENS = len(WORDS) + 1


def listens() -> onnx.GraphProto:
    """x, h, c → encoder_out, next_h, next_c: whether a chunk is loud."""
    loud = np.full((1, TOKENS), 1.0)
    loud[0, 0] = -1.0
    return helper.make_graph(
        [
            helper.make_node("ReduceMean", ["x", "axes"], ["mean"], keepdims=1),
            helper.make_node("Sub", ["mean", "level"], ["above"]),
            helper.make_node("Sign", ["above"], ["sign"]),
            helper.make_node("Mul", ["sign", "twenty"], ["strong"]),
            helper.make_node("MatMul", ["strong", "loud"], ["encoder_out"]),
            helper.make_node("Identity", ["h"], ["next_h"]),
            helper.make_node("Identity", ["c"], ["next_c"]),
        ],
        "encoder",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", CHUNK, 80]),
            helper.make_tensor_value_info("h", TensorProto.FLOAT, [1, "N", 4]),
            helper.make_tensor_value_info("c", TensorProto.FLOAT, [1, "N", 4]),
        ],
        [
            helper.make_tensor_value_info("encoder_out", TensorProto.FLOAT, ["N", 1, TOKENS]),
            helper.make_tensor_value_info("next_h", TensorProto.FLOAT, [1, "N", 4]),
            helper.make_tensor_value_info("next_c", TensorProto.FLOAT, [1, "N", 4]),
        ],
        [
            constant("axes", [1, 2], np.int64), constant("level", -8.0), constant("twenty", 20.0),
            constant("loud", loud),
        ],
    )  # fmt: skip


def counts() -> onnx.GraphProto:
    """y → decoder_out: the word that follows the last one."""
    follows = np.zeros((TOKENS, TOKENS))
    for last in range(TOKENS):
        follows[last, last % len(WORDS) + 1] = 10.0
    return helper.make_graph(
        [
            helper.make_node("Slice", ["y", "last", "end", "second"], ["newest"]),
            helper.make_node("Max", ["newest", "none"], ["known"]),
            helper.make_node("Gather", ["follows", "known"], ["decoder_3"]),
            helper.make_node("Reshape", ["decoder_3", "rows"], ["decoder_out"]),
        ],
        "decoder",
        [helper.make_tensor_value_info("y", TensorProto.INT64, ["N", 2])],
        [helper.make_tensor_value_info("decoder_out", TensorProto.FLOAT, ["N", TOKENS])],
        [
            constant("last", [1], np.int64), constant("end", [2], np.int64),
            constant("second", [1], np.int64), constant("none", 0, np.int64),
            constant("follows", follows), constant("rows", [-1, TOKENS], np.int64),
        ],
    )  # fmt: skip


def sherpa(folder: Path) -> Path:
    """A streaming transducer (LSTM): it counts the loud chunks that it hears, "one two three"."""
    joiner = helper.make_graph(
        [helper.make_node("Add", ["encoder_out", "decoder_out"], ["logit"])],
        "joiner",
        [
            helper.make_tensor_value_info("encoder_out", TensorProto.FLOAT, ["N", TOKENS]),
            helper.make_tensor_value_info("decoder_out", TensorProto.FLOAT, ["N", TOKENS]),
        ],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["N", TOKENS])],
    )
    about = {
        "encoder": {
            "model_type": "lstm", "version": 1, "model_author": "test", "num_encoder_layers": 1,
            "T": CHUNK, "decode_chunk_len": CHUNK, "rnn_hidden_size": 4, "d_model": 4,
        },
        "decoder": {"context_size": 2, "vocab_size": TOKENS},
        "joiner": {"joiner_dim": TOKENS},
    }  # fmt: skip
    for graph in (listens(), counts(), joiner):
        save(graph, folder / f"{graph.name}.onnx", about[graph.name])
    tokens = ["<blk>", *(f"▁{word.upper()}" for word in WORDS)]
    (folder / "tokens.txt").write_text("".join(f"{t} {n}\n" for n, t in enumerate(tokens)))
    return folder


def whisper_tokens() -> list[str]:
    """In the places of the real ones, which say that it knows many languages."""
    return [
        "Ġgood", "Ġday", *(f"unused{n}" for n in range(50255)), "<|endoftext|>",
        "<|startoftranscript|>", "<|en|>", *(f"<|x{n}|>" for n in range(98)), "<|translate|>",
        "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
        *(f"<|{n / 50:.2f}|>" for n in range(1501)),
    ]  # fmt: skip


def whisper(folder: Path) -> Path:
    """A Whisper of one layer, in CTranslate2's format: it says "good day" of anything loud, and
    nothing of silence."""
    from ctranslate2.specs import whisper_spec

    tokens = whisper_tokens()
    english = tokens.index("<|en|>")
    good, day, end, start, time = 0, 1, english - 2, tokens.index("<|notimestamps|>"), english + 1
    wide, loud = 16, 10
    spec = whisper_spec.WhisperSpec(1, 1, 1, 1)

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.float32)

    def level(norm: object) -> None:
        norm.gamma, norm.beta = np.ones(wide, np.float32), zeros(wide)  # type: ignore[attr-defined]

    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = zeros(wide, 80, 3), zeros(wide)
    encoder.conv1.weight[0, :, 1], encoder.conv1.bias[:2] = 4 / 80, (5, 1)
    encoder.conv2.weight, encoder.conv2.bias = zeros(wide, wide, 3), zeros(wide)
    encoder.conv2.weight[0, 0, 1], encoder.conv2.bias[:2] = 10, (-2, 1)
    encoder.position_encodings.encodings = zeros(1500, wide)
    decoder.position_encodings.encodings = zeros(448, wide)
    decoder.embeddings.weight = zeros(len(tokens), wide)
    at = {token: place for place, token in enumerate((good, day, end, start, time))}
    for token, place in at.items():
        decoder.embeddings.weight[token, place] = 2
    level(encoder.layer_norm)
    level(decoder.layer_norm)
    for layer in (encoder.layer[0], decoder.layer[0]):
        for part in (layer.self_attention, layer.ffn):
            level(part.layer_norm)
        layer.self_attention.linear[0].weight = zeros(3 * wide, wide)
        layer.self_attention.linear[0].bias = zeros(3 * wide)
        layer.self_attention.linear[1].weight = zeros(wide, wide)
        layer.self_attention.linear[1].bias = zeros(wide)
        layer.ffn.linear_0.weight, layer.ffn.linear_0.bias = zeros(4 * wide, wide), zeros(4 * wide)
        layer.ffn.linear_1.weight, layer.ffn.linear_1.bias = zeros(wide, 4 * wide), zeros(wide)
    heard = decoder.layer[0].attention
    level(heard.layer_norm)
    heard.linear[0].weight, heard.linear[0].bias = zeros(wide, wide), zeros(wide)
    heard.linear[1].weight, heard.linear[1].bias = zeros(2 * wide, wide), zeros(2 * wide)
    heard.linear[1].weight[wide + loud, 0] = 1
    heard.linear[2].weight, heard.linear[2].bias = np.eye(wide, dtype=np.float32), zeros(wide)
    says = zeros(len(tokens), wide)
    says[good, at[start]], says[good, loud], says[time, at[start]] = 5, 5, 6
    says[day, at[good]], says[end, at[day]], says[end, at[time]] = 40, 40, 40
    decoder.projection.weight = says
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
    spec.config.lang_ids = [english]
    spec.config.alignment_heads = [(0, 0)]
    spec.register_vocabulary(tokens)
    spec.validate()
    spec.save(str(folder))
    return folder
