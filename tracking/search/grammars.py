"""Which keys each search knows: the grammars of runs, experiments, logged and registered models, and versions."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tracking.search.types import Entity, Op

NUMBER_OPS = frozenset({Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE})
TEXT_OPS = frozenset({Op.EQ, Op.NE, Op.LIKE, Op.ILIKE, Op.IN, Op.NOT_IN})
NULLABLE_TEXT_OPS = TEXT_OPS | {Op.IS_NULL, Op.IS_NOT_NULL}


class Kind(StrEnum):
    """What a key's values are."""

    TEXT = "text"
    NUMBER = "number"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Key:
    """A key as its grammar knows it: the canonical name, other spellings, the kind of its values, the operators."""

    name: str
    kind: Kind
    ops: frozenset[Op]
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grammar:
    """What one search accepts.

    ``prefixes`` gives the spellings of each entity that may stand before the dot, the one to name in an error first; an
    entity that is missing cannot be searched. Attributes and dataset keys are closed lists; metrics, params and tags
    have any key. With ``has_figures``, min(…), max(…) and so on may stand around a metric.
    """

    prefixes: Mapping[Entity, tuple[str, ...]]
    attributes: tuple[Key, ...]
    dataset_keys: tuple[Key, ...] = ()
    has_bare_attributes: bool = True
    has_figures: bool = False

    def find_entity(self, prefix: str) -> Entity | None:
        """Return the entity that is written with this prefix (case matters), or None."""
        return next((entity for entity, prefixes in self.prefixes.items() if prefix in prefixes), None)

    def find_key(self, entity: Entity, name: str) -> Key | None:
        """Return the key of this name or alias, or None where the entity has no such key."""
        match entity:
            case Entity.METRIC:
                return Key(name, Kind.NUMBER, NUMBER_OPS)
            case Entity.PARAM | Entity.TAG:
                return Key(name, Kind.TEXT, NULLABLE_TEXT_OPS)
            case Entity.ATTRIBUTE | Entity.DATASET:
                return next((key for key in self._listed(entity) if name in (key.name, *key.aliases)), None)

    def list_names(self, entity: Entity) -> list[str]:
        """Return the canonical names of a closed list (attributes or dataset keys), sorted."""
        return sorted(key.name for key in self._listed(entity))

    def _listed(self, entity: Entity) -> tuple[Key, ...]:
        return self.dataset_keys if entity is Entity.DATASET else self.attributes


def _text(name: str, *aliases: str) -> Key:
    return Key(name, Kind.TEXT, TEXT_OPS, aliases)


def _time(name: str, *aliases: str) -> Key:
    return Key(name, Kind.TIME, NUMBER_OPS, aliases)


RUNS = Grammar(
    prefixes={
        Entity.METRIC: ("metric", "metrics"),
        Entity.PARAM: ("parameter", "parameters", "param", "params"),
        Entity.TAG: ("tag", "tags"),
        Entity.ATTRIBUTE: ("attribute", "attributes", "attr", "run"),
        Entity.DATASET: ("dataset", "datasets"),
    },
    attributes=(
        _text("run_id"),
        _text("run_name", "Run name", "Run Name", "run name"),
        _text("status"),
        _text("user_id"),
        _text("artifact_uri"),
        _time("start_time", "created", "Created"),
        _time("end_time"),
    ),
    dataset_keys=(_text("name"), _text("digest"), _text("context")),
    has_figures=True,
)

EXPERIMENTS = Grammar(
    prefixes={Entity.ATTRIBUTE: ("attribute",), Entity.TAG: ("tag", "tags")},
    attributes=(_text("experiment_id"), _text("name"), _time("creation_time"), _time("last_update_time")),
)

LOGGED_MODELS = Grammar(
    prefixes={
        Entity.ATTRIBUTE: ("attributes",),
        Entity.METRIC: ("metrics",),
        Entity.PARAM: ("params",),
        Entity.TAG: ("tags",),
    },
    attributes=(
        _text("name"),
        _text("model_id"),
        _text("model_type"),
        _text("status"),
        _text("source_run_id"),
        _time("creation_timestamp", "creation_timestamp_ms", "creation_time"),
        _time("last_updated_timestamp", "last_updated_timestamp_ms"),
    ),
)

_OF_THE_REGISTRY = {Entity.ATTRIBUTE: ("attribute", "attributes"), Entity.TAG: ("tag", "tags")}
_REGISTRY_TIMES = (_time("creation_timestamp"), _time("last_updated_timestamp", "timestamp"))

REGISTERED_MODELS = Grammar(prefixes=_OF_THE_REGISTRY, attributes=(_text("name"), *_REGISTRY_TIMES))

MODEL_VERSIONS = Grammar(
    prefixes=_OF_THE_REGISTRY,
    attributes=(
        _text("name"),
        _text("run_id"),
        _text("source_path"),
        Key("version_number", Kind.NUMBER, NUMBER_OPS),
        *_REGISTRY_TIMES,
    ),
)
