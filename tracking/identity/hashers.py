"""How passwords are kept."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2Hasher(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes, one lane: OWASP's least for passwords, a tenth of a second a sign-in."""

    time_cost = 2
    memory_cost = 19_456
    parallelism = 1
