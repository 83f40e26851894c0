"""Exact pixel values for every kind of pixel, and no half pictures."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from flows.commands.run import run
from ocr_core.errors import PageError
from ocr_core.sources import ReadSettings, pixels
from ocr_core.sources.identify import Limits
from ocr_core.sources.images import MAX_SIDE, Raster, decode, frames
from ocr_core.sources.quiet import quiet_libraries
from tests.faults import png_header

BIG = 100_000_000


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def read(image: Image.Image, kind: str = "PNG", **options: object) -> Raster:
    media = {"JPEG2000": "image/jp2"}.get(kind, f"image/{kind.lower()}")
    return decode(encoded(image, kind, **options), media, max_pixels=BIG)


def photo(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    noise = np.random.default_rng(7).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_without_colour_a_page_is_its_luminance(kind: str) -> None:
    data, media = encoded(photo(), kind), f"image/{kind.lower()}"
    colour = decode(data, media, max_pixels=BIG).pixels
    grey = decode(data, media, max_pixels=BIG, colour=False).pixels
    assert grey.shape == colour.shape[:2]
    assert np.abs(grey - colour @ [0.299, 0.587, 0.114]).mean() < 3  # colours beyond the gamut are clipped


def tiff_of(
    samples: np.ndarray,
    *,
    photometric: int = 1,
    sample_format: int = 1,
    per_pixel: int = 1,
    orientation: int = 1,
) -> bytes:
    """An uncompressed little-endian TIFF of one strip, for kinds that Pillow does not write."""
    height, width = samples.shape[:2]
    bits = samples.dtype.itemsize * 8
    data = samples.tobytes()
    tags = [
        (256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1), (262, 3, photometric), (273, 4, 0),
        (274, 3, orientation), (277, 3, per_pixel),
        (278, 4, height), (279, 4, len(data)), (339, 3, sample_format),
    ]  # fmt: skip
    if per_pixel > 1:  # bits of each sample follow the directory
        tags = [(t, k, v) for t, k, v in tags if t not in (258, 339)] + [(258, 3, -1)]
    directory_end = 8 + 2 + 12 * len(tags) + 4
    out = b"II*\0" + struct.pack("<IH", 8, len(tags))
    for tag, kind, value in sorted(tags):
        if value == -1:
            out += struct.pack("<HHII", tag, kind, per_pixel, directory_end)
            continue
        value = directory_end + 2 * per_pixel if tag == 273 else value
        out += struct.pack("<HHII", tag, kind, 1, value)
    return out + struct.pack("<I", 0) + struct.pack(f"<{per_pixel}H", *[bits] * per_pixel) + data


def test_grey_jpeg_stays_grey() -> None:
    image = photo(mode="L")
    raster = read(image, "JPEG", dpi=(200, 200))
    assert raster.pixels.shape == (48, 64) and raster.pixels.dtype == np.uint8
    assert raster.dpi == 200
    assert np.array_equal(raster.pixels, np.asarray(Image.open(io.BytesIO(encoded(image, "JPEG")))))


def test_rgb_without_colour_becomes_grey_and_one_coloured_pixel_keeps_rgb() -> None:
    grey = Image.merge("RGB", [photo(mode="L")] * 3)
    assert read(grey).pixels.ndim == 2
    grey.putpixel((33, 21), (255, 0, 0))
    assert read(grey).pixels.shape == (48, 64, 3)


def test_palette() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.putdata([0, 1])
    assert read(image).pixels.tolist() == [[[10, 20, 30], [200, 100, 0]]]


def test_palette_with_transparent_entry_is_white_there() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.putdata([0, 1])
    assert read(image, transparency=1).pixels.tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_bilevel() -> None:
    image = Image.fromarray(np.array([[True, False, True]]))
    for kind, options in (("PNG", {}), ("TIFF", {"compression": "group4"})):
        assert read(image, kind, **options).pixels.tolist() == [[255, 0, 255]]


def test_alpha_is_composited_on_white() -> None:
    image = Image.new("RGBA", (3, 1))
    image.putdata([(0, 0, 0, 255), (0, 0, 0, 0), (0, 0, 0, 51)])
    assert read(image).pixels.tolist() == [[0, 255, 204]]  # 255 · (1 − 51/255)
    assert read(Image.new("LA", (1, 1), (100, 255))).pixels.tolist() == [[100]]


def test_cmyk_tiff() -> None:
    image = Image.new("CMYK", (4, 1))
    image.putdata([(0, 0, 0, 0), (0, 0, 0, 255), (255, 0, 0, 0), (0, 255, 255, 0)])
    assert read(image, "TIFF").pixels.tolist() == [[[255, 255, 255], [0, 0, 0], [0, 255, 255], [255, 0, 0]]]


def test_cmyk_jpeg_is_not_inverted() -> None:
    white = read(Image.new("CMYK", (16, 16), (0, 0, 0, 0)), "JPEG").pixels
    assert white.min() > 250


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 257, 32896, 65535], [0, 1, 128, 255]),  # 16 bits: 257 levels to one
        ([0, 4095, 2048, 1365], [0, 255, 128, 85]),  # a 12-bit scanner, not nearly black
        ([0, 1, 128, 255], [0, 1, 128, 255]),  # 8-bit values in a 16-bit file
    ],
)
def test_sixteen_bit_is_scaled_by_its_range(values: list[int], expected: list[int]) -> None:
    samples = np.array([values], np.uint16)
    assert decode(tiff_of(samples), "image/tiff", max_pixels=BIG).pixels.tolist() == [expected]
    assert read(Image.fromarray(samples)).pixels.tolist() == [expected]


def test_sixteen_bit_with_white_as_zero() -> None:
    samples = np.array([[0, 65535, 257]], np.uint16)
    assert decode(tiff_of(samples, photometric=0), "image/tiff", max_pixels=BIG).pixels.tolist() == [
        [255, 0, 254]
    ]


def test_float_tiff() -> None:
    samples = np.array([[0.0, 0.5, 1.0, np.nan]], np.float32)
    raster = decode(tiff_of(samples, sample_format=3), "image/tiff", max_pixels=BIG)
    assert raster.pixels.tolist() == [[0, 128, 255, 255]]


def test_thirty_two_bit_and_negative() -> None:
    samples = np.array([[-100, 0, 100]], np.int32)
    raster = decode(tiff_of(samples, sample_format=2), "image/tiff", max_pixels=BIG)
    assert raster.pixels.tolist() == [[0, 128, 255]]


def test_lab_tiff() -> None:
    # L* 255 = 100 %, a* and b* signed: white, black, and the sRGB red (53.2, 80.1, 67.2)
    samples = np.array([[[255, 0, 0], [0, 0, 0], [136, 80, 67]]], np.uint8)
    pixels = decode(tiff_of(samples, photometric=8, per_pixel=3), "image/tiff", max_pixels=BIG).pixels
    assert np.abs(pixels.astype(int) - [[[255, 255, 255], [0, 0, 0], [255, 0, 0]]]).max() <= 4


LETTER = np.array([[0, 50, 100], [150, 200, 250]], np.uint8)  # what the upright page shows
STORED = {  # EXIF orientation → the same page as it is stored (by the words of the EXIF standard)
    1: LETTER,
    2: [[100, 50, 0], [250, 200, 150]],
    3: [[250, 200, 150], [100, 50, 0]],
    4: [[150, 200, 250], [0, 50, 100]],
    5: [[0, 150], [50, 200], [100, 250]],
    6: [[100, 250], [50, 200], [0, 150]],
    7: [[250, 100], [200, 50], [150, 0]],
    8: [[150, 0], [200, 50], [250, 100]],
}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    stored = np.array(STORED[orientation], np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(read(Image.fromarray(stored), exif=exif).pixels, LETTER)
    assert np.array_equal(
        decode(tiff_of(stored, orientation=orientation), "image/tiff", max_pixels=BIG).pixels, LETTER
    )
    webp = encoded(Image.fromarray(stored).convert("RGB"), "WEBP", lossless=True, exif=exif)
    assert np.array_equal(decode(webp, "image/webp", max_pixels=BIG).pixels, LETTER)


def test_damaged_exif_does_not_lose_the_page() -> None:
    data = encoded(photo(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert decode(data, "image/jpeg", max_pixels=BIG).pixels.shape == (48, 64, 3)


@pytest.mark.parametrize(("dpi", "expected"), [(300, 300), (1, None), (60000, None), (96, 96)])
def test_only_sane_resolutions_are_believed(dpi: int, expected: float | None) -> None:
    assert read(photo(), "JPEG", dpi=(dpi, dpi)).dpi == expected


@pytest.mark.parametrize("kind", ["TIFF", "JPEG", "PNG"])
@pytest.mark.parametrize(
    ("orientation", "shape"), [(1, (200, 102)), (3, (200, 102)), (6, (102, 200)), (8, (102, 200))]
)
def test_a_fax_is_stretched_to_square_pixels(kind: str, orientation: int, shape: tuple[int, int]) -> None:
    """As many inches high as its stored rows are, however it is turned afterwards."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    raster = read(Image.new("L", (102, 100), 255), kind, dpi=(200, 100), exif=exif)
    assert raster.pixels.shape == shape
    assert raster.dpi == pytest.approx(200, abs=0.1)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG2000", "BMP", "GIF"])
def test_lossless_formats_give_their_pixels(kind: str) -> None:
    image = photo(mode="RGB").quantize(64).convert("RGB")
    options = {"WEBP": {"lossless": True}}.get(kind, {})
    assert np.array_equal(read(image, kind, **options).pixels, np.asarray(image))


@pytest.mark.parametrize("compression", ["raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "zstd"])
def test_tiff_compressions(compression: str) -> None:
    image = photo()
    assert np.array_equal(read(image, "TIFF", compression=compression).pixels, np.asarray(image))


def test_animation_gives_its_first_frame() -> None:
    data = encoded(
        Image.new("L", (8, 8), 0), "GIF", save_all=True, append_images=[Image.new("L", (8, 8), 255)]
    )
    assert decode(data, "image/gif", max_pixels=BIG).pixels.max() == 0


def test_frames_of_a_tiff_without_its_preview(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    pages = [Image.new("L", (8, 8), value) for value in (10, 20, 30)]
    pages[1].encoderinfo = {"tiffinfo": {254: 1}}  # type: ignore[attr-defined]  # a reduced-resolution image
    pages[0].save(path, save_all=True, append_images=pages[1:])
    assert frames(path, "image/tiff") == (0, 2)
    assert decode(path, "image/tiff", frame=2, max_pixels=BIG).pixels[0, 0] == 30


FAMILIES = [
    ("JPEG", "image/jpeg", {}), ("JPEG", "image/jpeg", {"progressive": True}), ("PNG", "image/png", {}),
    ("TIFF", "image/tiff", {}), ("TIFF", "image/tiff", {"compression": "tiff_lzw"}),
    ("WEBP", "image/webp", {}),
    ("JPEG2000", "image/jp2", {}), ("BMP", "image/bmp", {}), ("GIF", "image/gif", {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "media_type", "options"), FAMILIES)
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_truncated_image_is_never_filled_up(
    kind: str, media_type: str, options: dict, share: float
) -> None:
    data = encoded(photo(256, 256), kind, **options)
    with pytest.raises(PageError) as caught:
        decode(data[: int(len(data) * share)], media_type, max_pixels=BIG)
    assert caught.value.kind in ("truncated", "damaged") and caught.value.remedy
    if kind in ("JPEG", "JPEG2000"):
        assert caught.value.kind == "truncated"


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "tiff_jpeg"])
def test_what_libtiff_says_of_a_damaged_file_is_said_by_its_failure_alone(
    compression: str, capfd: pytest.CaptureFixture[str]
) -> None:
    data = encoded(photo(256, 256), "TIFF", compression=compression)
    half, quarter = len(data) // 2, len(data) // 4
    damaged = data[:8] + bytes(quarter) + data[8 + quarter : half] + bytes(quarter) + data[half + quarter :]
    with pytest.raises(PageError, match=r"cannot be decoded: its data are damaged\."):
        decode(damaged, "image/tiff", max_pixels=BIG)
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"


def test_stderr_comes_back_when_the_last_thread_is_out(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_libraries():
        with quiet_libraries():
            os.write(2, b"both in")
        os.write(2, b"one in")
    os.write(2, b"none")
    assert capfd.readouterr().err == "none"


def test_a_jpeg_whose_tail_is_zeros_is_truncated() -> None:
    data = encoded(photo(256, 256), "JPEG")
    with pytest.raises(PageError, match="breaks off"):
        decode(data[: len(data) // 2] + bytes(len(data) // 2), "image/jpeg", max_pixels=BIG)


def test_a_jpeg_with_something_after_its_end_is_whole() -> None:
    assert decode(encoded(photo(), "JPEG") + b"trailer" * 99, "image/jpeg", max_pixels=BIG).pixels.shape == (
        48,
        64,
        3,
    )


def test_size_is_checked_before_decoding() -> None:
    with pytest.raises(PageError) as caught:
        decode(png_header(30_000, 30_000), "image/png", max_pixels=BIG)
    assert caught.value.kind == "too-large"
    assert "--max-megapixels 900" in caught.value.remedy


def test_a_side_beyond_what_later_steps_can_handle() -> None:
    with pytest.raises(PageError) as caught:
        read(Image.new("1", (MAX_SIDE + 1, 1)))
    assert caught.value.kind == "too-large" and "megapixels" not in caught.value.remedy


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "CMYK", "1", "LAB", "I;16"])
def test_a_large_page_is_as_grey_in_bands_as_whole(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = photo(61, 47)
    if mode == "LAB":
        data = encoded(picture.convert("RGB"), "TIFF")
        with Image.open(io.BytesIO(data)) as image:
            lab = ImageCms.applyTransform(
                image,
                ImageCms.buildTransform(
                    ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
                ),
            )
        data = encoded(lab, "TIFF")
    elif mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
        data = encoded(picture, "TIFF")
    else:
        data = encoded(
            picture.convert("L").convert(mode) if mode == "I;16" else picture.convert(mode), "TIFF"
        )
    whole = decode(data, "image/tiff", max_pixels=BIG, colour=False).pixels
    monkeypatch.setattr(pixels, "_BAND", 500)
    assert np.array_equal(decode(data, "image/tiff", max_pixels=BIG, colour=False).pixels, whole)


def test_the_largest_page_of_a_run_is_that_of_the_library() -> None:
    option = next(o for o in run.params if o.name == "max_megapixels")
    assert option.default * 1e6 == ReadSettings().max_pixels == Limits().max_pixels
