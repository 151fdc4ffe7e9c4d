"""The HTML report in a real browser: silent, without a request, at any width, in both themes, on paper."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
from htmlpages import NAMES, VIEWS, page_of
from tools import find_tool, needs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs("chromium", "chromedriver")

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage")
WIDTHS = (320, 768, 1280, 1600)

# Elements that reach over the right edge of the window.
WIDE = """return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1
          && !e.closest('.bar, thead, .skip')).map(e => e.outerHTML.slice(0, 90))"""

# The lowest contrast of text to what is behind it, and where: WCAG 2.2, relative luminance and contrast ratio.
CONTRAST = """
const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); return [m[0], m[1], m[2], m[3] ?? 1]; };
const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat([1]);
const light = c => { const f = c.slice(0, 3).map(v => { v /= 255;
  return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
  return .2126 * f[0] + .7152 * f[1] + .0722 * f[2]; };
const behind = e => { const chain = [];
  for (; e; e = e.parentElement) chain.push(parse(getComputedStyle(e).backgroundColor));
  return chain.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]); };
let worst = [99, ''];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let text = walker.nextNode(); text; text = walker.nextNode()) {
  const e = text.parentElement;
  if (!text.data.trim() || !e.checkVisibility()) continue;
  const back = behind(e), front = over(parse(getComputedStyle(e).color), back);
  const [a, b] = [light(front), light(back)], ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < worst[0]) worst = [ratio, e.outerHTML.slice(0, 120)];
}
return worst;
"""


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Give a browser that keeps what it logs and what it asks the network for."""
    from selenium import webdriver  # noqa: PLC0415 - for those who have the browser

    options = webdriver.ChromeOptions()
    options.binary_location = find_tool("chromium")
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(find_tool("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    """Give the address of the page of a view."""
    folder = tmp_path_factory.mktemp("pages")

    def write(name):
        path: Path = folder / f"{name}.html"
        if not path.exists():
            path.write_bytes(page_of(name))
        return path.as_uri()

    return write


def emulate(browser, width=1280, theme="light", media=""):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "media": media, "features": [{"name": "prefers-color-scheme", "value": theme}]})


@pytest.mark.parametrize("name", VIEWS)
def test_it_is_silent_and_asks_for_nothing(browser, address, name):
    browser.get("about:blank")
    browser.get_log("performance")
    browser.get_log("browser")
    browser.get(address(name))
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert asked == [address(name)]
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("name", VIEWS)
def test_nothing_is_wider_than_the_window(browser, address, name):
    browser.get(address(name))
    browser.execute_script("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    for width in WIDTHS:
        emulate(browser, width)
        assert browser.execute_script(WIDE) == []
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", ["full", "several", "request", "verified", "hostile"])
def test_text_can_be_read_in_both_themes(browser, address, name):
    browser.get(address(name))
    browser.execute_script("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    for theme in ("light", "dark"):
        emulate(browser, theme=theme)
        ratio, where = browser.execute_script(CONTRAST)
        assert ratio >= 4.5, (theme, where)


def test_the_themes_look_different_and_show_something(browser, address):
    browser.get(address("full"))
    pictures = []
    for theme in ("light", "dark"):
        emulate(browser, theme=theme)
        pictures.append(browser.get_screenshot_as_png())
    assert len(set(pictures)) == 2
    assert min(map(len, pictures)) > 20_000  # a page of one colour takes a tenth of that


def test_hostile_names_do_nothing(browser, address):
    emulate(browser)
    browser.get(address("hostile"))
    assert "hit" not in browser.title.replace("document.title='hit'", "").replace("<h1>hit", "").replace("<b>hit", "")
    assert browser.execute_script("return document.querySelectorAll('script, img, iframe, object, link').length") == 0
    assert browser.execute_script(
        "return [...document.querySelectorAll('*')].some(e => e.getAttributeNames().some(n => n.startsWith('on')))"
    ) is False
    assert all(name in browser.execute_script("return document.body.textContent") for name in NAMES[:4])


def test_it_prints_with_all_folds_open(browser, address):
    emulate(browser, media="print")
    browser.get(address("full"))
    closed = ("return [...document.querySelectorAll('details')].flatMap(fold => [...fold.querySelectorAll('.inside')])"
              ".filter(part => !part.checkVisibility({contentVisibilityAuto: true}) || !part.offsetHeight).length")
    assert browser.execute_script(closed) == 0
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert printed.startswith(b"%PDF-")
    assert 2 <= printed.count(b"/Type /Page\n") <= 12


def test_very_small_partitions_are_seen(browser, address):
    emulate(browser, 320)
    browser.get(address("full"))
    widths = browser.execute_script(
        "return [...document.querySelectorAll('.segment:not(.gap)')].map(e => e.getBoundingClientRect().width)")
    assert min(widths) >= 20


def test_a_fold_opens_by_the_keyboard(browser, address):
    browser.get(address("full"))
    fold = browser.find_element("css selector", "details:not([open]) > summary")
    fold.send_keys("\ue007")
    assert browser.execute_script("return arguments[0].parentElement.open", fold)
