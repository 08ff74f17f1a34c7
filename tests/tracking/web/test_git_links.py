"""Where a commit can be looked at."""

import pytest

from tracking.web.git_links import commit_link

COMMIT = "9f2c4a7be0d1"


@pytest.mark.parametrize(
    ("repository", "link"),
    [
        ("git@github.com:lab/models.git", f"https://github.com/lab/models/commit/{COMMIT}"),
        ("https://github.com/lab/models", f"https://github.com/lab/models/commit/{COMMIT}"),
        ("https://user:secret@gitlab.lab.org:8443/a/b/c.git", f"https://gitlab.lab.org:8443/a/b/c/-/commit/{COMMIT}"),
        ("ssh://git@git.lab.org:2222/a/b.git", f"https://git.lab.org/a/b/commit/{COMMIT}"),
        ("https://bitbucket.org/lab/models.git", f"https://bitbucket.org/lab/models/commits/{COMMIT}"),
        ("/home/ann/models", ""),
        ("javascript:alert(1)//a/b", ""),
        ('https://evil"onclick=x/a', ""),
        ("", ""),
    ],
)
def test_commit_link(repository: str, link: str) -> None:
    assert commit_link(repository, COMMIT) == link


@pytest.mark.parametrize("commit", ["", "main", '"><script>', "9f2c4a7 "])
def test_commit_link_takes_commits_alone(commit: str) -> None:
    assert commit_link("https://github.com/lab/models", commit) == ""
