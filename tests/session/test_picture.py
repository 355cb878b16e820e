"""Pictures of any kind, made into ones that can be sent without an encoder."""

from __future__ import annotations

import io

import pytest
from pictures import LOSSLESS

from talkover import Image, TalkoverError
from talkover.session.picture import MOST_BYTES, lossy

pillow = pytest.importorskip("PIL.Image")


def png(width: int, height: int, mode: str = "RGBA") -> Image:
    file = io.BytesIO()
    pillow.effect_noise((width, height), 90).convert(mode).save(file, "PNG", compress_level=1)
    return Image(file.getvalue(), "image/png")


def opened(webp: bytes) -> tuple[int, int]:
    assert webp[12:16] == b"VP8 " and len(webp) < MOST_BYTES
    with pillow.open(io.BytesIO(webp)) as picture:
        return picture.size


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "CMYK"])
def test_whatever_its_colours_are_a_picture_becomes_lossy_webp(mode: str):
    file = io.BytesIO()
    pillow.new(mode, (40, 30)).save(file, "TIFF")
    assert opened(lossy(Image(file.getvalue(), "image/tiff"), "")) == (40, 30)


def test_a_lossless_webp_and_a_png_can_be_shown():
    assert opened(lossy(Image(LOSSLESS), "")) == (8, 8)
    assert opened(lossy(png(64, 48), "")) == (64, 48)


def test_a_huge_picture_is_made_small_enough():
    width, height = opened(lossy(png(2600, 1300, "RGB"), ""))
    assert width in (640, 1280) and height == width // 2
    plain = io.BytesIO()
    pillow.new("RGB", (4000, 2000), "red").save(plain, "PNG")
    assert opened(lossy(Image(plain.getvalue()), "")) == (1920, 960)


def test_what_cannot_be_opened_is_named():
    with pytest.raises(TalkoverError, match="cannot be opened"):
        lossy(Image(b"junk"), "")
