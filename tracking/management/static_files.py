"""Collecting static files, which compresses each of them: seconds, and needless while none has changed."""

import hashlib

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command


def collect_static() -> bool:
    """Collect into STATIC_ROOT if a file has changed since the last time; tell whether it had."""
    stamp = settings.STATIC_ROOT / "collected"
    digest = _digest_of_sources()
    if stamp.is_file() and stamp.read_text() == digest:
        return False
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(digest)
    return True


def _digest_of_sources() -> str:
    """Return a digest of every source's path, size and time of change, and of what processes them."""
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            facts = (storage.path(path), storage.size(path), storage.get_modified_time(path))
            digest.update(repr(facts).encode())
    return digest.hexdigest()
