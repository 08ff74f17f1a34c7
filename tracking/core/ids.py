"""Names that the server makes: run and model ids, and the friendly names of runs nobody named."""

import secrets
import uuid

ADJECTIVES = (
    "amber", "able", "brave", "bright", "calm", "clear", "clever", "copper", "coral", "crisp", "deft", "eager",
    "early", "fair", "fleet", "fond", "gentle", "golden", "grand", "hardy", "honest", "humble", "jolly", "keen",
    "kind", "lively", "loyal", "lucid", "mellow", "merry", "mild", "misty", "neat", "noble", "patient",
    "placid", "proud", "quick", "quiet", "rapid", "ready", "robust", "rosy", "serene", "sharp", "silver",
    "sincere", "sleek", "smart", "smooth", "snowy", "solid", "spry", "stable", "steady", "sturdy", "subtle",
    "sunny", "swift", "tidy", "true", "vivid", "warm", "wise", "witty",
)  # fmt: skip
ANIMALS = (
    "ant", "badger", "bear", "beaver", "bee", "bison", "carp", "cat", "condor", "crab", "crane", "crow", "deer",
    "dingo", "dolphin", "dove", "duck", "eagle", "eel", "elk", "falcon", "ferret", "finch", "fox", "frog",
    "gecko", "goat", "goose", "hare", "hawk", "hen", "heron", "horse", "ibex", "jackal", "jay", "kiwi", "koala",
    "lark", "lemur", "lion", "llama", "lynx", "mole", "moose", "moth", "mouse", "newt", "otter", "owl", "ox",
    "panda", "perch", "pike", "pony", "puma", "quail", "raven", "robin", "seal", "shark", "sheep", "shrew",
    "sloth", "snail", "sparrow", "squid", "stork", "swan", "tiger", "toad", "trout", "turtle", "vole", "walrus",
    "wasp", "whale", "wolf", "wren", "yak", "zebra",
)  # fmt: skip


def new_run_uid() -> str:
    """Return 32 hexadecimal digits."""
    return uuid.uuid4().hex


def new_model_uid() -> str:
    """Return ``m-`` and 32 hexadecimal digits."""
    return f"m-{uuid.uuid4().hex}"


def new_run_name() -> str:
    """Return a name like ``quiet-otter-417``."""
    return f"{secrets.choice(ADJECTIVES)}-{secrets.choice(ANIMALS)}-{secrets.randbelow(1000)}"
