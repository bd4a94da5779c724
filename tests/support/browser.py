"""A browser for tests: Debian's Chromium, driven by Playwright; what a page must be for everybody to use it."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.service import API_KEY, Service

CHROMIUM = shutil.which("chromium")

#: Returns what is wrong with a page: names, labels, headings, ids, sizes and contrast (WCAG 2.2 AA).
FAULTS = """
() => {
  const faults = [];
  const shown = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
  const say = (what, element) => faults.push(`${what}: ${element.outerHTML.slice(0, 120)}`);
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!field.labels.length && !field.getAttribute("aria-label")) say("no label", field);
  for (const image of document.images) if (!image.hasAttribute("alt")) say("no alt", image);
  for (const one of document.querySelectorAll("a[href], button, summary, svg[role=img]")) {
    const name = one.getAttribute("aria-label") || one.textContent.trim();
    if (!name) say("no name", one);
  }
  for (const one of document.querySelectorAll("button, nav a, .choices a")) {
    const box = one.getBoundingClientRect();
    if (shown(one) && box.height < 24) say("too small", one);
  }
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  for (const id of ids) if (ids.filter((other) => other === id).length > 1) faults.push(`id twice: ${id}`);
  for (const one of document.querySelectorAll("[aria-labelledby], [aria-describedby]"))
    for (const kind of ["aria-labelledby", "aria-describedby"])
      if (one.hasAttribute(kind) && !document.getElementById(one.getAttribute(kind))) say("dangling", one);
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) say("heading skips", heading);
    level = next;
  }
  for (const table of document.querySelectorAll("table"))
    for (const head of table.querySelectorAll("th")) if (!head.scope) say("no scope", head);
  for (const one of document.querySelectorAll(".scroll"))
    if (one.scrollWidth > one.clientWidth && one.tabIndex < 0) say("no way to scroll by keyboard", one);
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth)
    faults.push(`${document.documentElement.scrollWidth} px wide`);

  const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const colour = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const found = colour(getComputedStyle(one).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !shown(element) || element.closest("svg, noscript, script")) continue;
    const style = getComputedStyle(element);
    const [one, other] = [light(colour(style.color)), light(behind(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) say(`contrast ${ratio.toFixed(2)}`, element);
  }
  return faults;
}
"""


@asynccontextmanager
async def chromium() -> AsyncIterator[Any]:
    """Yield a running browser; skip where there is none."""
    api = pytest.importorskip("playwright.async_api", reason="Playwright is absent")
    if CHROMIUM is None:
        pytest.skip("Chromium is absent")
    async with api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visitor(browser: Any, service: Service, **context: Any) -> AsyncIterator[Any]:
    """Yield a page that has signed in.

    Afterwards nothing was refused by the policy, asked of others, or asked by hostile text.
    """
    seen: list[str] = []
    wide = {"viewport": {"width": 1200, "height": 800}, "locale": "ja-JP"}
    opened = await browser.new_context(**(wide | context))
    page = await opened.new_page()
    page.on("console", lambda message: seen.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("dialog", lambda dialog: seen.append(dialog.message))
    page.on("request", lambda request: seen.append(request.url) if _stray(request.url, service) else None)
    try:
        await page.goto(f"{service.url}/console/sign-in")
        await page.fill("#key", API_KEY)
        await page.press("#key", "Enter")
        await page.wait_for_url(f"{service.url}/console")
        yield page
        assert seen == []
    finally:
        await opened.close()


def _stray(url: str, service: Service) -> bool:
    return not url.startswith(f"{service.url}/console") or "hostile" in url
