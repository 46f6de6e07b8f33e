"""Settings that all tests share."""

import os
import shutil
import signal

import hypothesis
import pytest
from needs import miss, need_module

os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell starts its background jobs with Ctrl-C ignored, and their children would ignore it too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Busy machines are slow, which is no failure.
hypothesis.settings.register_profile(
    "temtrack", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("temtrack")


def pytest_collection_modifyitems(items):
    """Begin with the modules that hold slow tests, so that none of these starts when all others are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="module")
def browser():
    """Start a browser without a window."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        miss("no Chromium on this machine: apt-get install chromium")
    sync = need_module("playwright.sync_api")
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()
