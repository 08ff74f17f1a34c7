"""The portal in headless Chromium: every page healthy, every behaviour as a reader meets it."""
