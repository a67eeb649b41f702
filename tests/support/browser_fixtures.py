"""Browsers for tests: a running Chromium, and one person's own."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext, async_playwright, expect

from support.browser import ARGUMENTS, installed

expect.set_options(timeout=20_000)  # of a page that waits for a door: the machine does other things as well


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A running Chromium; a test takes a context of its own for each person."""
    program = installed()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def person(chromium: Browser) -> AsyncIterator[BrowserContext]:
    """One person's browser, as it comes out of the box: no cookie, no key, no cache."""
    context = await chromium.new_context(locale="fr-FR")
    yield context
    await context.close()
