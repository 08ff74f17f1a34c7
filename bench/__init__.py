"""How fast and how small: this server beside a stock MLflow server and FastTrackML, on the same machine and database.

``python -m bench`` (or ``make bench``) measures and writes docs/performance.md; ``--help`` says how to run a part.

* ``load`` the generator of load, ``api`` what it says, ``machine`` CPU, memory, versions
* ``servers`` and ``databases`` what is measured, started and stopped
* ``writes``, ``reads``, ``files``, ``lifecycle`` the workloads; ``seeds`` and ``peer_seeds`` what the reads read
* ``results`` one figure, ``targets`` what is wanted, ``report`` the page
"""
