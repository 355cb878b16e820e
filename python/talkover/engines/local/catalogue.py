"""The models that `talkover models pull` knows: where they come from, pinned, and their licences.

Each SHA-256 sum stands in ten or more files of public repositories that fetch the same model;
nobody here has downloaded and summed them. A file without one is checked against what its host says
of it (see `pull.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from ...errors import InputError

HUB = "https://huggingface.co"
"""Where all of them are; a mirror of it has the same paths."""


@dataclass(frozen=True, slots=True)
class File:
    """`path` is in the repository; on this machine only its last part counts."""

    path: str
    size: int | None = None
    sha256: str | None = None

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


@dataclass(frozen=True, slots=True)
class Model:
    """`revision` is a commit, or a tag or branch that the first pull replaces by its commit."""

    name: str
    engine: str
    repository: str
    revision: str
    licence: str
    languages: str
    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """As far as it is known."""
        return sum(file.size or 0 for file in self.files)


def _kokoro_voice(name: str, sha256: str | None = None) -> File:
    return File(f"voices/{name}.bin", 522_240, sha256)


def _piper(path: str, licence: str, model: File, config: File) -> Model:
    """A voice of the collection at `path` ("en/en_US/ljspeech/medium")."""
    _, locale, voice, quality = path.split("/")
    name = f"{locale}-{voice}-{quality}"
    return Model(
        name, "piper", "rhasspy/piper-voices", "v1.0.0", licence, locale.partition("_")[0],
        (
            File(f"{path}/{name}.onnx", model.size, model.sha256),
            File(f"{path}/{name}.onnx.json", config.size, config.sha256),
        ),
    )  # fmt: skip


def _whisper(size: str, revision: str, weights: File, config: str) -> Model:
    return Model(
        f"whisper-{size}", "whisper", f"Systran/faster-whisper-{size}", revision, "MIT", "99",
        (
            File("model.bin", weights.size, weights.sha256),
            File("config.json", None, config),
            File(
                "vocabulary.txt", None,
                "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
            ),
        ),
    )  # fmt: skip


MODELS = (
    Model(
        "zipformer-en-20m", "sherpa",
        "csukuangfj/sherpa-onnx-streaming-zipformer-en-20M-2023-02-17",
        "d42f2d9f7ca24806fb667456a18a9f1b60f70d16", "Apache-2.0", "en",
        (
            File(
                "encoder-epoch-99-avg-1.int8.onnx", 42_845_182,
                "3810755ce7c3ab26b42a8bcf39d191308fa27fb0f53358823ba46141d03b7eb3",
            ),
            File(
                "decoder-epoch-99-avg-1.onnx", 2_092_272,
                "45a7f940ecfb53d89fa270ad11b88b961e53a317203eb24b1c8e95ed208b0f30",
            ),
            File(
                "joiner-epoch-99-avg-1.int8.onnx", 259_572,
                "e085d73b593cf9b0707f370dbd656d58327d3fe36d80d849202ef81df02cb01e",
            ),
            File(
                "tokens.txt", 5_048,
                "49e3c2646595fd907228b3c6787069658f67b17377c60aeb8619c4551b2316fb",
            ),
        ),
    ),
    Model(
        "zipformer-en", "sherpa", "csukuangfj/sherpa-onnx-streaming-zipformer-en-2023-06-26",
        "main", "Apache-2.0", "en",
        (
            File("encoder-epoch-99-avg-1-chunk-16-left-128.int8.onnx"),
            File("decoder-epoch-99-avg-1-chunk-16-left-128.onnx"),
            File("joiner-epoch-99-avg-1-chunk-16-left-128.int8.onnx"),
            File("tokens.txt"),
        ),
    ),
    _whisper(
        "base", "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
        File("", None, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"),
        "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    ),
    _whisper(
        "small", "536b0662742c02347bc0e980a01041f333bce120",
        File(
            "", 483_546_902, "3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671"
        ),
        "b55496ac7940a7ae47d2c01eab40edfd8701feec1229d9cce3b40014383fb828",
    ),
    Model(
        "kokoro-v1.0", "kokoro", "onnx-community/Kokoro-82M-v1.0-ONNX",
        "1939ad2a8e416c0acfeecc08a694d14ef25f2231", "Apache-2.0", "en",
        (
            File(
                "onnx/model_quantized.onnx", 92_361_116,
                "fbae9257e1e05ffc727e951ef9b9c98418e6d79f1c9b6b13bd59f5c9028a1478",
            ),
            File(
                "tokenizer.json", 3_497,
                "77a02c8e164413299b4b4c403b14f8e0e1c1b727db4d46a09d6327b861060a34",
            ),
            _kokoro_voice(
                "af_heart", "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b"
            ),
            _kokoro_voice(
                "af_bella", "f69d836209b78eb8c66e75e3cda491e26ea838a3674257e9d4e5703cbaf55c8b"
            ),
            _kokoro_voice(
                "am_michael", "1d1f21dd8da39c30705cd4c75d039d265e9bc4a2a93ed09bc9e1b1225eb95ba1"
            ),
            _kokoro_voice("bf_emma"),
            _kokoro_voice("bm_george"),
        ),
    ),
    _piper(
        "en/en_US/ljspeech/medium", "public domain (LJ Speech)",
        File("", 63_531_379, "6f52a751e2349abe7a76735eb09dc1875298c77ea2342ffd2fef79ff81b87f22"),
        File("", 4_972, "141d612cc0a95ed7efc1ca936b845c2364967f2e9217c5dbfcf69fc4d6c65860"),
    ),
    _piper("de/de_DE/thorsten/medium", "CC0-1.0 (Thorsten-Voice)", File(""), File("")),
    Model(
        "smart-turn-v3.2", "smart-turn", "pipecat-ai/smart-turn-v3",
        "f766f81d3cfdf7737ac64aad813d91bbfd56bf93", "BSD-2-Clause", "23",
        (
            File(
                "smart-turn-v3.2-cpu.onnx", 8_679_182,
                "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
            ),
        ),
    ),
)  # fmt: skip


def named(name: str) -> Model:
    """InputError for one that is not in the catalogue."""
    for model in MODELS:
        if model.name == name:
            return model
    raise InputError(
        f"There is no model {name!r} to be pulled; known are "
        f"{', '.join(model.name for model in MODELS)}."
    )
