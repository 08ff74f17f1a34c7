"""What our commands share: an error is one sentence on stderr and exit status 1."""

import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError

from portal.env import SettingError
from tracking.core.errors import TrackingError


class PortalCommand(BaseCommand):
    """A command whose errors are for the person who typed it."""

    # The checks import every view; `make test` and the web process run them.
    requires_system_checks: list[str] = []

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command.

        :raises CommandError: for what the user or the database did wrong, and for Ctrl-C.
        """
        try:
            return super().execute(*args, **options)
        except (SettingError, TrackingError) as error:
            raise CommandError(str(error)) from None
        except (OperationalError, ProgrammingError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise CommandError(f"The database cannot be used ({reason}). `make run` prepares it.") from None
        except (KeyboardInterrupt, OSError) as error:
            # Ctrl-C in the midst of opening a file leaves it to the clean-up to fail on a closed descriptor.
            if isinstance(error, OSError) and not isinstance(error.__context__, KeyboardInterrupt):
                raise
            raise CommandError("Interrupted.", returncode=128 + signal.SIGINT) from None
