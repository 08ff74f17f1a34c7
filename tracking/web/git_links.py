"""Where a commit can be looked at, made from the address of the repository that mlflow noted."""

import re

_SSH = re.compile(r"(?:ssh://)?(?:[\w.-]+@)(?P<host>[\w.-]+)(?::\d+/|[:/])(?P<path>[\w./~-]+?)(?:\.git)?/?")
_HTTP = re.compile(r"https?://(?:[^@/\s]+@)?(?P<host>[\w.-]+(?::\d+)?)/(?P<path>[\w./~-]+?)(?:\.git)?/?")
_COMMIT = re.compile(r"[0-9a-f]{7,64}", re.I)


def commit_link(repository: str, commit: str) -> str:
    """Return the https address of a commit as GitHub, GitLab, Gitea and Azure write it; "" where none can be made.

    A user name or a password in the repository's address is left out.
    """
    found = _HTTP.fullmatch(repository.strip()) or _SSH.fullmatch(repository.strip())
    if found is None or not _COMMIT.fullmatch(commit):
        return ""
    between = "-/commit" if "gitlab" in found["host"] else "commits" if "bitbucket" in found["host"] else "commit"
    return f"https://{found['host']}/{found['path']}/{between}/{commit}"
