"""What tests share: people, and real servers that they start and stop themselves.

* ``people``: Ann owns workspace ``default``, Bob reads it, Cleo is a stranger; each with a token.
* ``programs``: where PostgreSQL, Redis and Chromium are, and what happens where one is missing.
* ``postgres``, ``redis``: throw-away servers on free loopback ports, in temporary folders.
* ``portal``: the portal as ``make run`` starts it; ``commands``: what is typed beside it.
* ``prepared``: what portals and tests begin with, made once.

The fixtures that hand these out are in tests/conftest.py.
"""
