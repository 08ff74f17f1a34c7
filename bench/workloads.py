"""All workloads, in the order in which they are measured: what grows the database comes late."""

from collections.abc import Callable

from bench import files, lifecycle, reads, writes
from bench.results import Result
from bench.scales import Scale
from bench.servers import Server

Workload = Callable[[Server, Scale], list[Result]]
WORKLOADS: dict[str, Workload] = {
    **writes.WORKLOADS,
    **lifecycle.WORKLOADS,
    **reads.WORKLOADS,
    **files.WORKLOADS,
}
ONCE = ("DISK", "D1")
"""What cannot be measured twice on one database."""
