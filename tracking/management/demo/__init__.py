"""What ``manage.py demo`` fills a workspace with: made-up experiments that look like real ones.

* ``workspace``: the workspace that belongs to the demo, and how it is told from others.
* ``contents``: which experiments there are; each is planned in a module of its own (``image_sweep``, …).
* ``plans``: experiments and runs as plain values; ``writer`` turns them into rows and files, ``removal`` removes those.
* ``curves``, ``hardware``, ``files``, ``origins``: what plans are made of.

Everything follows from the seed and the present time; only ids are the server's own.
"""
