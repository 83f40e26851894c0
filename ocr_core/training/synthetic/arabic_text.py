"""Texts for synthetic Arabic lines, from free packages of Debian.

`python -m ocr_core.training.synthetic.arabic_text ROOT FOLDER`

ROOT is where the packages libreoffice-l10n-ar, firefox-esr-l10n-ar, thunderbird-l10n-ar, hunspell-ar and mythes-ar are
unpacked (`apt-get download …; dpkg -x … ROOT`) or installed (`/`). Into FOLDER go `arabic_interface_lines.txt`, the
messages of programs in modern spelling, and `arabic_words.txt`, words of the dictionaries in random order.
"""

from __future__ import annotations

import argparse
import gettext
import logging
import random
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

_LETTER = "[\u0621-\u063a\u0641-\u064a]"
_MARKUP = re.compile(r"<[^>]*>|%\S+|\$\S+|\{[^}]*\}|&\w+;|[~_#*\\|^]")
_MESSAGE = re.compile(r'[^=]*=\s*(.+)|^\s+(.+)|<!ENTITY\s+\S+\s+"(.*)"')
_VOWEL_SIGNS = re.compile("[\u064b-\u0652]")
_WORDS_A_LINE = 9


def interface_lines(root: Path) -> list[str]:
    """Sentences of the Arabic translations of LibreOffice, Firefox and Thunderbird, sorted, each once."""
    found: set[str] = set()
    for path in sorted(root.glob("usr/lib/libreoffice/program/resource/ar/LC_MESSAGES/*.mo")):
        with path.open("rb") as file:
            messages = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        found.update(_sentences(messages.values()))
    for path in sorted(root.glob("usr/lib/*/**/langpack-ar@*.xpi")):
        found.update(_sentences(_messages(path)))
    return sorted(found)


def word_lines(root: Path, seed: int = 1) -> list[str]:
    """Lines of unrelated words: those of hunspell-ar, some with article, conjunction or suffix, and of mythes-ar."""
    rng = random.Random(seed)
    dictionary = (root / "usr/share/hunspell/ar.dic").read_text("utf-8", errors="ignore").splitlines()
    words = {entry.partition("/")[0].strip() for entry in dictionary}
    inflected = [_inflected(w, rng) for w in sorted(words) if re.fullmatch(f"{_LETTER}{{2,14}}", w)]
    meanings = {
        plain
        for path in root.glob("usr/share/mythes/*ar*.dat")
        for meaning in re.split(r"[|\n]", path.read_text("utf-8", errors="ignore"))
        if re.fullmatch(f"(?:{_LETTER}| ){{2,30}}", plain := _VOWEL_SIGNS.sub("", meaning.strip()))
    }
    pieces = [*inflected, *sorted(meanings)]
    rng.shuffle(pieces)
    return [" ".join(pieces[i : i + _WORDS_A_LINE]) for i in range(0, len(pieces), _WORDS_A_LINE)]


def _messages(path: Path) -> Iterator[str]:
    """The values in a language pack of Mozilla."""
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith((".ftl", ".properties", ".dtd")):
                for line in archive.read(name).decode("utf-8", "ignore").splitlines():
                    if found := _MESSAGE.match(line):
                        yield next(group for group in found.groups() if group is not None)


def _sentences(messages: Iterable[str]) -> Iterator[str]:
    """The parts of messages that are mostly Arabic, without markup and placeholders."""
    for message in messages:
        for part in re.split(r"[\n\r]+|(?<=[.؟!])\s", _MARKUP.sub("", message)):
            sentence = " ".join(part.split())
            signs = len(sentence.replace(" ", ""))
            if len(sentence) >= 3 and len(re.findall(_LETTER, sentence)) >= 0.6 * signs:
                yield sentence


def _inflected(word: str, rng: random.Random) -> str:
    chance = rng.random()
    if word.startswith(("ال", "وال")):
        return word
    if chance < 0.3:
        return ("وال" if chance < 0.06 else "ال") + word
    if chance < 0.38:
        return rng.choice("وبلفك") + word
    if chance > 0.93 and word[-1] not in "ةىاء":
        return word + rng.choice(["ها", "هم", "ه", "نا", "ك", "ي"])
    return word


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m ocr_core.training.synthetic.arabic_text",
        description="Texts for synthetic Arabic lines.",
    )
    parser.add_argument("root", type=Path, help="where the Debian packages are unpacked")
    parser.add_argument("folder", type=Path, help="where the texts go")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, lines in (
        ("arabic_interface_lines.txt", interface_lines(options.root)),
        ("arabic_words.txt", word_lines(options.root)),
    ):
        (options.folder / name).write_text("\n".join(lines) + "\n", "utf-8")
        logging.info("%s: %d lines", name, len(lines))


if __name__ == "__main__":
    main()
