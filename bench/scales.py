"""How large the workloads are."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Scale:
    """``write_s``: how long each write workload runs; ``repeats``: of each read, at most, within ``read_s``.

    ``searched_runs`` of this server, ``peers_runs`` of the others, whose large tables take minutes to fill.
    """

    name: str
    write_s: float
    read_s: float
    repeats: int
    searched_runs: tuple[int, ...]
    peers_runs: tuple[int, ...]
    history_points: int
    charted_runs: int
    charted_points: int
    experiments: int
    file_mib: int
    small_files: int
    deleted_runs: int
    deleted_points: int
    client_calls: int
    is_kept: bool = True


FULL = Scale(
    name="full",
    write_s=5,
    read_s=5,
    repeats=200,
    searched_runs=(1_000, 10_000, 100_000),
    peers_runs=(10_000, 100_000),
    history_points=1_000_000,
    charted_runs=100,
    charted_points=10_000,
    experiments=5_000,
    file_mib=1024,
    small_files=1000,
    deleted_runs=1_000,
    deleted_points=1_000,
    client_calls=300,
)
BRIEF = replace(FULL, name="brief", peers_runs=(10_000,), deleted_runs=200, file_mib=256)
SMALL = Scale(
    name="small",
    write_s=2,
    read_s=2,
    repeats=10,
    searched_runs=(1_000,),
    peers_runs=(1_000,),
    history_points=100_000,
    charted_runs=20,
    charted_points=2_000,
    experiments=500,
    file_mib=64,
    small_files=100,
    deleted_runs=50,
    deleted_points=200,
    client_calls=50,
    is_kept=False,
)
SCALES = {scale.name: scale for scale in (FULL, BRIEF, SMALL)}
