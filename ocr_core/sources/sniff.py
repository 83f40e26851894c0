"""What a file is, by its first bytes and by its name."""

from __future__ import annotations

import struct

HEAD = 1024  # bytes that `media_type` wants to see
PDF = "application/pdf"

# extension → what a file of that name promises to be
EXTENSIONS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG",
    ".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WebP",
    ".jp2": "JPEG 2000", ".j2k": "JPEG 2000", ".j2c": "JPEG 2000", ".jpf": "JPEG 2000", ".jpx": "JPEG 2000",
    ".bmp": "BMP", ".gif": "GIF", ".pdf": "PDF",
}  # fmt: skip

# Page images that cannot be read here: left out with the way to convert them, never without a word.
FOREIGN = {
    ".djvu": "DjVu is not read; convert it with `ddjvu -format=pdf`",
    ".djv": "DjVu is not read; convert it with `ddjvu -format=pdf`",
    ".heic": "HEIC is not read; convert it to JPEG",
    ".heif": "HEIC is not read; convert it to JPEG",
    ".avif": "AVIF is not read; convert it to JPEG",
    ".psd": "Photoshop files are not read; convert it to TIFF",
    ".ps": "PostScript is not read; convert it with `ps2pdf`",
    ".eps": "PostScript is not read; convert it with `ps2pdf`",
    ".zip": "archives are not opened; unpack it",
    ".cbz": "archives are not opened; unpack it",
}

SIDECARS = frozenset({
    ".xml", ".txt", ".json", ".jsonl", ".md", ".csv", ".tsv", ".html", ".htm", ".yaml", ".yml", ".log", ".ini",
    ".hocr", ".alto", ".md5", ".sha1", ".sha256", ".xmp", ".db", ".bak", ".tmp", ".part",
})  # fmt: skip

_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)


def media_type(head: bytes, suffix: str = "") -> str | None:
    """The media type that the first `HEAD` bytes show, or None.

    `suffix` is the lower-case extension; only a file named .pdf may have something before `%PDF-`.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "image/tiff"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith((b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")):
        return "image/jp2"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    if head[:2] == b"BM" and len(head) >= 18 and struct.unpack("<I", head[14:18])[0] in _BMP_HEADERS:
        return "image/bmp"
    if head.lstrip(b"\xef\xbb\xbf\0\t\r\n ").startswith(b"%PDF-") or (suffix == ".pdf" and b"%PDF-" in head):
        return PDF
    return None


def looks_like(head: bytes) -> str:
    """A word or two for bytes that are no image and no PDF, for messages."""
    if not head.strip(b"\0"):
        return "zero bytes only"
    if head.lstrip()[:5].lower() in (b"<!doc", b"<html"):
        return "a web page"
    if head.startswith(b"PK\x03\x04"):
        return "a ZIP archive or office document"
    if head[4:8] == b"ftyp":
        return "a HEIC, AVIF or video file"
    if not any(byte < 9 or 13 < byte < 32 for byte in head):
        return "text"
    return "data of an unknown kind"
