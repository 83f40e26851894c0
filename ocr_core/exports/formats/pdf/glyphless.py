"""The font of hidden text: every character is an empty glyph half as wide as it is high, and known by its Unicode value.

The glyph is a stroke there and back, which encloses nothing: PDFium leaves out words of one letter if it has no extent.

`glyphless.ttf` is what `build` makes. A font for each document maps the characters that occur to codes as they come.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from ocr_core.exports.formats.pdf.file import PdfFile, ref

WIDTH: Final = 500  # of every glyph, in thousandths of the font size
ASCENT: Final = 800
DESCENT: Final = -200
_FILE: Final = Path(__file__).with_name("glyphless.ttf")
_NAME: Final = "WarraqGlyphless"
_ENTRIES_AT_ONCE: Final = 100  # more are not allowed in one `bfchar` section (Adobe Technical Note 5411)


class GlyphlessFont:
    """Codes for the characters of a PDF, given out as they are asked for."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def encode(self, text: str) -> bytes:
        """Two bytes a character. One past the 65,535th is encoded as U+FFFD."""
        return b"".join(self._code(char).to_bytes(2, "big") for char in text)

    def _code(self, char: str) -> int:
        code = self._codes.get(char)
        if code is None:
            if len(self._codes) >= 0xFFFE and char != "\ufffd":
                return self._code("\ufffd")
            code = self._codes[char] = len(self._codes) + 1
        return code

    def embed(self, pdf: PdfFile, number: int) -> None:
        """Write the font to `pdf` under a reserved number: composite, embedded, with a map to Unicode (ISO 32000-1, 9.7 and
        9.10.3). What is encoded later is not in it."""
        program = _FILE.read_bytes()
        file = pdf.add_stream(program, f"/Length1 {len(program)}")
        descriptor = pdf.add(
            f"<</Type/FontDescriptor/FontName/{_NAME}/Flags 5"  # fixed pitch, symbolic
            f"/FontBBox[0 {DESCENT} {WIDTH} {ASCENT}]/ItalicAngle 0/Ascent {ASCENT}/Descent {DESCENT}"
            f"/CapHeight {ASCENT}/StemV 0/FontFile2 {ref(file)}>>"
        )
        to_glyph = pdf.add_stream(b"\0\0" + b"\0\1" * len(self._codes))
        cid_font = pdf.add(
            f"<</Type/Font/Subtype/CIDFontType2/BaseFont/{_NAME}"
            "/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
            f"/FontDescriptor {ref(descriptor)}/DW {WIDTH}/CIDToGIDMap {ref(to_glyph)}>>"
        )
        to_unicode = pdf.add_stream(self._to_unicode())
        pdf.add(
            f"<</Type/Font/Subtype/Type0/BaseFont/{_NAME}/Encoding/Identity-H"
            f"/DescendantFonts[{ref(cid_font)}]/ToUnicode {ref(to_unicode)}>>",
            number,
        )

    def _to_unicode(self) -> bytes:
        entries = [
            f"<{code:04X}> <{char.encode('utf-16-be').hex().upper()}>" for char, code in self._codes.items()
        ]
        lines = [
            "/CIDInit /ProcSet findresource begin",
            "12 dict begin",
            "begincmap",
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
            "/CMapName /Adobe-Identity-UCS def",
            "/CMapType 2 def",
            "1 begincodespacerange",
            "<0000> <FFFF>",
            "endcodespacerange",
        ]
        for start in range(0, len(entries), _ENTRIES_AT_ONCE):
            some = entries[start : start + _ENTRIES_AT_ONCE]
            lines += [f"{len(some)} beginbfchar", *some, "endbfchar"]
        lines += ["endcmap", "CMapName currentdict /CMap defineresource pop", "end", "end"]
        return "\n".join(lines).encode("ascii")


def build() -> bytes:
    """The font file. Needs fontTools, which only development installs."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from fontTools.ttLib.tables._g_l_y_f import Glyph

    glyphs = (".notdef", "blank")
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder(list(glyphs))
    font.setupCharacterMap({0x20: "blank"})
    pen = TTGlyphPen(None)
    pen.moveTo((0, DESCENT))
    pen.lineTo((WIDTH, ASCENT))
    pen.lineTo((0, DESCENT))
    pen.closePath()
    font.setupGlyf({".notdef": Glyph(), "blank": pen.glyph()})
    font.setupHorizontalMetrics(dict.fromkeys(glyphs, (WIDTH, 0)))
    font.setupHorizontalHeader(ascent=ASCENT, descent=DESCENT)
    font.setupNameTable({"familyName": _NAME, "styleName": "Regular", "psName": _NAME})
    font.setupOS2(sTypoAscender=ASCENT, sTypoDescender=DESCENT, usWinAscent=ASCENT, usWinDescent=-DESCENT)
    font.setupPost(keepGlyphNames=False)
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()
