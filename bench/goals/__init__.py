"""How fast and how small the portal's pages are: the goals G1 to G20, measured in headless Chromium.

``python -m bench.goals`` (or ``make goals``) measures and writes docs/portal.md; ``--help`` says how to measure some.

* ``stage`` the servers and what is in them: this one, and a stock MLflow where that can be compared
* ``browsing`` Chromium, and what its pages cost
* ``pages``, ``drawing``, ``proofs`` the goals; each is measured by a process of its own (``one``), which may
  take so long and no longer, so that a goal that fails costs only its own row
* ``figures`` what was measured, kept in results.json, and the page
"""
