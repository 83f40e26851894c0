"""Ground truth is read whole and as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocr_core.errors import UsageError
from ocr_core.ground_truth import find_pages, read_page

PAGE = """<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">
<Page imageFilename="scan 1.png" imageWidth="300" imageHeight="200"><TextRegion>
<TextLine id="good"><Coords points="10,10 90,10 90,40 10,40"/><Baseline points="10,30 90.5,30"/>
  <TextEquiv><Unicode>  Dear\u00a0Sir  </Unicode></TextEquiv></TextLine>
<TextLine id="bare"><Coords points="10,50 90,50 90,80 10,80"/><TextEquiv><Unicode>cafe\u0301</Unicode></TextEquiv></TextLine>
<TextLine id="empty"><Coords points="10,90 90,90 90,99 10,99"/><TextEquiv><Unicode> </Unicode></TextEquiv></TextLine>
<TextLine id="flat"><Coords points="10,90 10,90"/><TextEquiv><Unicode>text</Unicode></TextEquiv></TextLine>
</TextRegion></Page></PcGts>"""

ALTO = """<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#"><Description><sourceImageInformation>
<fileName>C:\\scans\\a.jpg</fileName></sourceImageInformation></Description>
<Layout><Page WIDTH="300" HEIGHT="200"><PrintSpace><TextBlock>
<TextLine ID="a" HPOS="5" VPOS="6" WIDTH="100" HEIGHT="20" BASELINE="5 22 105 23">
  <Shape><Polygon POINTS="5 7 105 7 105 26 5 26"/></Shape>
  <String CONTENT="two"/><SP/><String CONTENT="words"/><HYP CONTENT="-"/></TextLine>
<TextLine ID="b" HPOS="5" VPOS="36" WIDTH="100" HEIGHT="20" BASELINE="52"><String CONTENT="box"/></TextLine>
<TextLine BASELINE="1 2 3 4"><String CONTENT="nowhere"/></TextLine>
<TextLine HPOS="1" VPOS="2" WIDTH="inf" HEIGHT="3"><String CONTENT="infinite"/></TextLine>
</TextBlock></PrintSpace></Page></Layout></alto>"""


def test_page_lines(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(PAGE, "utf-8")
    (tmp_path / "scan 1.png").write_bytes(b"")
    page = read_page(tmp_path / "a.xml")
    assert (page.name, page.image, page.size) == ("a", tmp_path / "scan 1.png", (300, 200))
    good, bare, empty, flat = page.lines
    assert (good.name, good.text) == ("good", "  Dear\u00a0Sir  ")
    assert good.polygon.tolist() == [[10, 10], [90, 10], [90, 40], [10, 40]]
    assert good.baseline.tolist() == [[10, 30], [90.5, 30]]
    assert (bare.text, len(bare.baseline), len(bare.outline)) == ("cafe\u0301", 0, 4)
    assert (empty.text, len(empty.outline)) == (" ", 4)
    assert (flat.text, len(flat.outline)) == ("text", 0)


def test_alto_lines_with_polygons_and_with_boxes_only(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text(ALTO, "utf-8")
    page = read_page(tmp_path / "x.xml")
    a, b, nowhere, infinite = page.lines
    assert (a.text, a.baseline.tolist()) == ("two words-", [[5, 22], [105, 23]])
    assert a.outline.tolist() == [[5, 7], [105, 7], [105, 26], [5, 26]]
    assert b.outline.tolist() == b.box.tolist() == [[5, 36], [105, 36], [105, 56], [5, 56]]
    assert (len(b.polygon), len(b.baseline)) == (0, 0)
    assert (nowhere.name, len(nowhere.baseline), len(nowhere.outline)) == ("line 3", 2, 0)
    assert len(infinite.outline) == 0
    assert (page.image, page.size) == (None, (300, 200))
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(b"")
    assert read_page(tmp_path / "x.xml", [tmp_path / "images"]).image == tmp_path / "images" / "a.jpg"


def test_the_image_beside_the_file_comes_first(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(PAGE, "utf-8")
    for name in ("scan 1.png", "a.jpg"):
        (tmp_path / name).write_bytes(b"")
    assert read_page(tmp_path / "a.xml").image == tmp_path / "a.jpg"


def test_files_are_found_by_name_in_several_folders(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for name in ("b", "a"):
            (tmp_path / folder / f"{name}.xml").write_text(PAGE, "utf-8")
    both = [tmp_path / "one", tmp_path / "two"]
    assert [p.name for p in find_pages(both)] == ["one/a", "one/b", "two/a", "two/b"]
    assert [p.name for p in find_pages(both[:1], only=["b"])] == ["b"]
    (tmp_path / "three" / "two").mkdir(parents=True)
    (tmp_path / "three" / "two" / "a.xml").write_text(PAGE, "utf-8")
    same = [tmp_path / "two", tmp_path / "three" / "two"]
    assert len({p.name for p in find_pages(same, only=["a"])}) == 2
    with pytest.raises(UsageError, match="named c"):
        find_pages(both, only=["a", "c"])
    with pytest.raises(UsageError, match="four"):
        find_pages([tmp_path / "four"])


def test_pages_are_named_by_pattern_or_as_files(tmp_path: Path) -> None:
    for name in ("letter_1", "letter_2", "note", "METS"):
        (tmp_path / f"{name}.xml").write_text("<mets/>" if name == "METS" else PAGE, "utf-8")
    assert [p.name for p in find_pages([tmp_path])] == ["letter_1", "letter_2", "note"]
    assert [p.name for p in find_pages([tmp_path], only=["letter*"])] == ["letter_1", "letter_2"]
    assert [p.name for p in find_pages([tmp_path / "note.xml"])] == ["note"]
    with pytest.raises(UsageError, match=r"named letter_\?\?"):
        find_pages([tmp_path], only=["note", "letter_??"])
    with pytest.raises(UsageError, match="METS"):
        find_pages([tmp_path / "METS.xml"])


@pytest.mark.parametrize("content", ["<html/>", "not xml", "<PcGts", ""])
def test_other_files_are_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(content, "utf-8")
    with pytest.raises(UsageError, match=r"a\.xml"):
        read_page(tmp_path / "a.xml")
