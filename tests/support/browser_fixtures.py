"""Browsers for tests: a running Chromium, and one person's own."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, async_playwright, expect

from support.browser import ARGUMENTS, installed

expect.set_options(timeout=20_000)  # of a page that waits for a door: the machine does other things as well


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def started_chromium() -> AsyncIterator[Browser]:
    """One Chromium for all tests, which takes seconds to start: those run in the session's loop, as it does."""
    program = installed()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def chromium(started_chromium: Browser) -> AsyncIterator[Browser]:
    """The Chromium, nobody in it; a test takes a context of its own for each person, which shares nothing."""
    yield started_chromium
    for context in started_chromium.contexts:
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def person(chromium: Browser) -> BrowserContext:
    """One person's browser, as it comes out of the box: no cookie, no key, no cache."""
    return await chromium.new_context(locale="fr-FR")
