"""What is wanted: ratios to the peers on the same database, and figures that stand by themselves."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """``mlflow``, ``fasttrackml``: so many times as good as they are, at least. The others are upper limits."""

    mlflow: float | None = None
    fasttrackml: float | None = None
    cpu_ms: float | None = None
    value: float | None = None


# By the beginning of a workload's name; the longest that fits counts.
TARGETS = {
    "W1 log-metric, 1 client": Target(mlflow=40, fasttrackml=2, cpu_ms=0.5),
    "W1 log-metric, 16 clients": Target(fasttrackml=4, cpu_ms=0.5),
    "W2": Target(mlflow=80, fasttrackml=20, cpu_ms=3),
    "W3": Target(mlflow=30, fasttrackml=5, cpu_ms=3),
    "W4 100": Target(mlflow=200, fasttrackml=5),
    "W4 the reader": Target(value=50),
    "R1a": Target(mlflow=100, fasttrackml=10),
    "R1b": Target(mlflow=100, fasttrackml=10),
    "R1c": Target(mlflow=100, fasttrackml=10, value=30),
    "R2 get-history": Target(fasttrackml=10),
    "R2 bulk-interval": Target(mlflow=60, value=100),
    "R3": Target(mlflow=20, fasttrackml=1),
    "A1 1024 MiB down": Target(mlflow=5),
    "A1 4 KiB": Target(mlflow=5),
    "D1": Target(mlflow=50),
    "S1 start": Target(value=3),
    "S1 memory": Target(value=200),
    "Disk": Target(value=12),
}


def target_of(workload: str) -> Target:
    """Return what is wanted of a workload."""
    fitting = [start for start in TARGETS if workload.startswith(start)]
    return TARGETS[max(fitting, key=len)] if fitting else Target()
