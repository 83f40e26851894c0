"""The viewer in a real browser: search, a hit's box on its word, a correction, a sample line, hostile text."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from ocr_core.library import Library
from ocr_core.viewer import ViewerSettings, create_app
from tests.viewer.make import AUDIT, HOSTILE_PATH, Shown, draw_sample, human

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: deploy/setup.sh dev")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.remote.webelement import WebElement  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

PATIENCE_S = 20  # of a machine that does other things as well
_ARGUMENTS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync --window-size=1400,900"
)


class Browser:
    """A Chromium that looks at a library which may be written."""

    def __init__(self, driver: webdriver.Chrome, base: str, library: Library, shown: Shown) -> None:
        self.driver, self.base, self.library, self.shown = driver, base, library, shown

    def open(self, path: str) -> None:
        self.driver.get(self.base + path)

    def one(self, selector: str) -> WebElement:
        """The first element of a selector, once it is there and can be seen."""

        def found(driver: webdriver.Chrome) -> WebElement | None:
            elements = driver.find_elements(By.CSS_SELECTOR, selector)
            return elements[0] if elements and elements[0].is_displayed() else None

        element: WebElement = WebDriverWait(self.driver, PATIENCE_S, 0.05).until(found, selector)
        return element

    def until(self, script: str, *values: object) -> None:
        WebDriverWait(self.driver, PATIENCE_S, 0.05).until(
            lambda driver: driver.execute_script(f"return {script}", *values), script
        )

    def rect(self, selector: str) -> dict[str, float]:
        """Where an element is seen, transformed as it is: x, y, width, height."""
        script = "const r = arguments[0].getBoundingClientRect(); return {x: r.x, y: r.y, width: r.width, height: r.height}"
        found: dict[str, float] = self.driver.execute_script(script, self.one(selector))
        return found

    def press(self, *keys: str) -> None:
        self.driver.switch_to.active_element.send_keys(*keys)


@pytest.fixture(scope="module")
def browser(shown: Shown, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver_path = shutil.which("chromedriver")
    if not chromium or not driver_path:
        pytest.skip("no Chromium with its driver: apt-get install chromium chromium-driver")
    root = tmp_path_factory.mktemp("browser")
    shutil.copytree(shown.root, root / "library")
    library = Library.open(root / "library")
    draw_sample(library, [(shown.arabic, 2), (shown.letter, 6)])
    config = uvicorn.Config(
        create_app(library, ViewerSettings(edit=True)), port=0, log_level="warning", lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (*_ARGUMENTS.split(), f"--user-data-dir={root / 'profile'}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Browser(driver, f"http://localhost:{port}", library, shown)
    finally:
        driver.quit()
        server.should_exit = True
        thread.join(10)


def test_search_as_one_types_and_the_box_on_the_word(browser: Browser) -> None:
    stored = browser.library.page(browser.shown.letter)
    order, word = next(
        (n, w)
        for n, line in enumerate(stored.lines)
        for w in line["text"].split()
        if w.isalpha() and len(w) > 8
    )
    browser.open("/search")
    browser.press(word.lower()[:-1], "*")
    hit = browser.one(".hits a")
    assert hit.find_element(By.CSS_SELECTOR, "mark").text == word
    browser.until("document.querySelector('.hits img').naturalWidth > 100")
    browser.until("/^\\d+ lines?$/.test(document.querySelector('[role=status]').textContent)")
    assert "q=" + word.lower()[:-1] in browser.driver.current_url
    browser.press(Keys.ARROW_DOWN)  # out of the field, to the first hit
    browser.press(Keys.ENTER)
    assert browser.one(".line.chosen").get_attribute("id") == f"l{order + 1}"
    browser.until("document.querySelector('.sheet img').naturalWidth > 0")
    browser.until("document.querySelector('.sheet').getAnimations().length === 0")

    # The box lies where the word is expected on the image that is shown, and in sight.
    box = browser.rect(f"rect.found[data-line='{order + 1}']")
    image = browser.rect(".sheet img")
    scale = image["width"] / stored.page["width"]
    line = stored.lines[order]
    assert image["x"] + scale * line["x0"] - 8 <= box["x"]
    assert box["x"] + box["width"] <= image["x"] + scale * line["x1"] + 8
    middle = box["y"] + box["height"] / 2
    assert image["y"] + scale * line["y0"] < middle < image["y"] + scale * line["y1"]
    stage = browser.rect(".stage")
    assert stage["x"] <= box["x"] and box["x"] + box["width"] <= stage["x"] + stage["width"]
    assert stage["y"] <= box["y"] and box["y"] + box["height"] <= stage["y"] + stage["height"]


def test_lines_and_text_point_at_each_other(browser: Browser) -> None:
    browser.open(f"/pages/{browser.shown.letter}")
    line = browser.one(".line[data-line='5']")
    webdriver.ActionChains(browser.driver).move_to_element(line).perform()
    browser.until("document.querySelector('.outline.lit')?.dataset.line === '5'")
    webdriver.ActionChains(browser.driver).move_to_element(browser.one(".outline[data-line='8']")).perform()
    browser.until("document.querySelector('.line.lit')?.dataset.line === '8'")
    width = browser.rect(".sheet img")["width"]
    browser.one("[data-do=in]").click()
    browser.until(f"document.querySelector('.sheet img').getBoundingClientRect().width > {1.2 * width}")
    browser.press("j", "j")
    assert browser.one(".line.chosen").get_attribute("data-line") == "2"


def test_a_page_on_its_side_stands_upright_with_its_lines(browser: Browser) -> None:
    for page in (browser.shown.letter, browser.shown.side):
        browser.open(f"/pages/{page}")
        browser.until("document.querySelector('.sheet img').naturalWidth > 0")
        sheet, line = browser.rect(".sheet"), browser.rect(".outline[data-line='9']")
        image = browser.rect(".sheet img")
        assert (image["x"], image["width"]) == pytest.approx((sheet["x"], sheet["width"]), abs=1)
        place = [(line["x"] - sheet["x"]) / sheet["width"], (line["y"] - sheet["y"]) / sheet["height"]]
        place += [line["width"] / sheet["width"], line["height"] / sheet["height"]]
        if page == browser.shown.letter:
            wanted = place
    assert place == pytest.approx(wanted, abs=0.005)
    browser.press("r")
    browser.until("document.querySelector('.outline').getBoundingClientRect().height > 0")
    turned = browser.rect(".outline[data-line='9']")
    assert turned["height"] > 2 * turned["width"]


def test_a_line_is_corrected_by_keys(browser: Browser) -> None:
    page = browser.shown.arabic
    browser.open(f"/pages/{page}#l3")
    assert browser.one(".line.chosen").get_attribute("data-line") == "3"
    browser.driver.find_element(By.TAG_NAME, "body").send_keys(Keys.ENTER)
    field = browser.one(".editor textarea")
    reading = browser.library.page(page).lines[2]["text"]
    assert field.get_property("value") == reading
    assert browser.driver.execute_script("return getComputedStyle(arguments[0]).direction", field) == "rtl"
    browser.until("document.querySelector('.editor img').naturalWidth > 100")
    above = browser.rect(".editor img")
    assert above["y"] + above["height"] <= browser.rect(".editor textarea")["y"]
    browser.press(Keys.END, " ", "تم", Keys.ENTER)
    browser.until("document.querySelector('.editor')?.closest('.line').dataset.line === '4'")
    browser.press(Keys.ESCAPE)
    browser.until("!document.querySelector('.editor')")
    [row] = human(browser.library)
    assert (row[0], row[1], row[2], row[4]) == (f"{page}-0002", f"{reading} تم", "text", "correction")
    browser.open(f"/pages/{page}")
    assert browser.one(".line[data-line='3'] .human").text.startswith(reading)


def test_what_was_begun_on_a_line_is_still_there_when_one_comes_back(browser: Browser) -> None:
    browser.open(f"/pages/{browser.shown.arabic}#l5")
    browser.driver.find_element(By.TAG_NAME, "body").send_keys(Keys.ENTER)
    reading = str(browser.one(".editor textarea").get_property("value"))
    browser.press(Keys.END, " تم", Keys.ALT + Keys.ARROW_DOWN)
    browser.until("document.querySelector('.editor')?.closest('.line').dataset.line === '6'")
    leaving = "dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    browser.until(f"!{leaving}")  # the browser asks before the page is left
    browser.press(Keys.ALT + Keys.ARROW_UP)
    browser.until("document.querySelector('.editor')?.closest('.line').dataset.line === '5'")
    assert browser.one(".editor textarea").get_property("value") == f"{reading} تم"
    browser.press(Keys.ESCAPE)  # thrown away
    browser.until(f"!document.querySelector('.editor') && {leaving}")
    browser.driver.find_element(By.TAG_NAME, "body").send_keys(Keys.ENTER)
    assert browser.one(".editor textarea").get_property("value") == reading
    browser.press(Keys.ESCAPE)
    assert not [row for row in human(browser.library) if row[0] == f"{browser.shown.arabic}-0004"]


def test_a_sample_line_is_transcribed_and_its_report_read(browser: Browser) -> None:
    browser.open("/audit")
    browser.one(".samples a.button").click()
    name = browser.one("input[name=transcriber]")
    name.clear()
    name.send_keys("Ada", Keys.ENTER)
    first = browser.one("form.editor")
    assert first.get_attribute("data-line") == f"{browser.shown.arabic}-0001"
    assert browser.library.page(browser.shown.arabic).lines[1]["text"] not in browser.driver.page_source
    browser.press("كلمات", Keys.ENTER)
    browser.until("document.querySelector('form.editor')?.dataset.number === '2'")
    browser.press(Keys.ENTER)  # nothing was written
    assert "Write the line" in browser.one(".problem").text
    browser.press(Keys.ALT, "i")
    assert "Everything is written" in browser.one(".done-all").text
    written = [row for row in human(browser.library) if row[3] == "Ada"]
    assert sorted(row[1:] for row in written) == [
        ("", "illegible", "Ada", "audit"),
        ("كلمات", "text", "Ada", "audit"),
    ]
    browser.one(".done-all a").click()
    browser.driver.find_element(By.LINK_TEXT, AUDIT).click()
    assert "characters wrong" in browser.one(".figures").text
    assert browser.one(".worst .snippet").text == "كلمات"


def test_hostile_text_does_nothing_and_the_browser_has_no_complaint(browser: Browser) -> None:
    browser.driver.get_log("browser")
    for path in (
        f"/pages/{browser.shown.hostile}?q=script",
        f"/documents/{browser.shown.hostile.rpartition('-')[0]}",
        "/collections/letters",
        "/search?q=script",
        "/failures",
        "/runs/run-1",
        "/try",
    ):
        browser.open(path)
        browser.one("main")
    browser.open(f"/pages/{browser.shown.hostile}")
    assert "<script>alert(1)</script>" in browser.one(".line[data-line='4']").text
    # What would turn the end of a name around is shown as such: it is no PNG file.
    assert browser.one("h1").text.endswith(Path(HOSTILE_PATH).name.replace("\u202e", "\ufffd"))
    # Its scan is not there, and nothing else is wrong: an alert would have broken the commands above.
    complaints = [e for e in browser.driver.get_log("browser") if "404" not in e["message"]]
    assert complaints == []
    assert browser.one(".gone").is_displayed()
