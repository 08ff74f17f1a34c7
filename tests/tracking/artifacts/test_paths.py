"""The canonical path: every way out that a tracker has been broken by, and the names that must survive."""

import pytest

from tracking.artifacts.paths import ArtifactPath, is_valid_name
from tracking.core.errors import InvalidParameterError

TRAVERSAL = ["..", ".", "../x", "../../etc/passwd", "a/../../x", "a/..", "z/sub/..", "a/./b", "./a", "x;/../../y"]
DECODED_AGAIN = [
    "%2e%2e",
    "%2E%2e",
    "%2e.",
    ".%2e",
    "%252e%252e",
    "%25252e%25252E",
    "%2e%2e%2fx",
    "%252e%252e%252fx",
    "a%2fb",
    "a%2Fb",
    "a%252fb",
    "a%5cb",
    "a%255Cb",
    "a%00",
    "a%2500.png",
    "%c0%ae%c0%ae",
    "%25c0%25ae",
    "a%c1%9cb",
    "a%e0%80%afb",
    "a%f0%80%80%afb",
    "%2e%2e%20",
]
WINDOWS = [
    "..\\..\\x",
    "a\\b",
    "C:\\x",
    "C:x",
    "C:",
    "a/c:x",
    "\\\\host\\share",
    "x:ads",
    "weights.bin::$DATA",
    "file:/etc/hostname",
    "CON",
    "con",
    "nul.txt",
    "a/aux/b",
    "Lpt1.tar.gz",
    "COM¹",
    "nul .txt",
    "CONIN$",
    "a.",
    "a ",
    "a./b",
    "a /b",
    "...",
]
ABSOLUTE_OR_EMPTY = ["/etc/hostname", "/", "//host/x", "///x", "file:///etc/hostname", "a//b", "a/", "a/b/", ""]
UNREPRESENTABLE = ["a\x00b", "a\nb", "a\x1fb", "a\x7fb", "a\x85b", "\udc80", "a/\ud800b"]
TOO_LONG = ["x" * 256, "é" * 128, "/".join(["x"] * 65), "/".join(["x" * 250] * 17)]
ACCEPTED = [
    "model/MLmodel",
    "a b/c d.txt",
    " leading",
    "a+b.png",
    "100%",
    "%25",
    "a%20b",
    "a%2eb",
    "50%25.txt",
    "%FF",
    "tag#1?x=y&z",
    "x;params",
    "模型/数据.csv",
    "Ünïcödé/🚀.bin",
    ".hidden/..data/a..b",
    "train:loss+step+3+timestamp+1700000000000+f47ac10b-58cc-4372-a567-0e02b2c3d479.png",
    "loss%step%12%timestamp%1700000000000%ab7ac10b-58cc-4372-a567-0e02b2c3d479.webp",
    "2024-01-01T10:00:00.123.png",
    "console/aux_loss.csv",
    "*",
    "x" * 255,
    "é" * 127,
    "/".join(["x"] * 64),
]


class TestParse:
    @pytest.mark.parametrize(
        "raw", TRAVERSAL + DECODED_AGAIN + WINDOWS + ABSOLUTE_OR_EMPTY + UNREPRESENTABLE + TOO_LONG, ids=repr
    )
    def test_refuses_what_could_lead_elsewhere(self, raw: str) -> None:
        with pytest.raises(InvalidParameterError, match=r"^Invalid path: "):
            ArtifactPath.parse(raw)

    @pytest.mark.parametrize("raw", ACCEPTED, ids=repr)
    def test_keeps_an_ordinary_name_as_it_is(self, raw: str) -> None:
        assert str(ArtifactPath.parse(raw)) == raw

    def test_reads_an_empty_path_as_the_root_where_allowed(self) -> None:
        assert ArtifactPath.parse("", allow_empty=True).is_root

    def test_drops_one_trailing_slash_of_a_directory(self) -> None:
        assert ArtifactPath.parse("a/b/", allow_empty=True) == ArtifactPath(("a", "b"))

    @pytest.mark.parametrize("raw", ["/", "//", "a//", "a/b//", "/a", "../", "./"])
    def test_refuses_other_empty_segments_of_a_directory(self, raw: str) -> None:
        with pytest.raises(InvalidParameterError):
            ArtifactPath.parse(raw, allow_empty=True)

    def test_says_which_path_breaks_which_rule(self) -> None:
        with pytest.raises(InvalidParameterError) as caught:
            ArtifactPath.parse("a/../b")

        assert str(caught.value) == "Invalid path: 'a/../b': the segment '..' is not allowed"

    def test_gives_a_message_that_can_be_sent_for_any_text(self) -> None:
        with pytest.raises(InvalidParameterError) as caught:
            ArtifactPath.parse("\udc80" * 100_000)

        assert len(str(caught.value).encode()) < 2000


class TestArtifactPath:
    @pytest.mark.parametrize("part", ["..", "a/b", "a\\b", "", "a\x00", "%2e%2e"])
    def test_cannot_be_built_around_the_rules(self, part: str) -> None:
        with pytest.raises(InvalidParameterError):
            ArtifactPath(("run", part))

    def test_joins_texts_and_paths(self) -> None:
        run = ArtifactPath.parse("12/abc")

        assert str(run / "artifacts/model") == "12/abc/artifacts/model"
        assert run.join(ArtifactPath(("artifacts",))) == ArtifactPath(("12", "abc", "artifacts"))

    @pytest.mark.parametrize("other", ["../x", "/x", ""])
    def test_refuses_to_join_what_leads_out(self, other: str) -> None:
        with pytest.raises(InvalidParameterError):
            ArtifactPath.parse("12/abc") / other

    def test_refuses_a_join_that_is_too_deep(self) -> None:
        half = ArtifactPath(("x",) * 33)

        with pytest.raises(InvalidParameterError, match="more than 64 segments"):
            half / half

    def test_knows_its_name_and_parent(self) -> None:
        path = ArtifactPath.parse("a/b/c.txt")

        assert (path.name, str(path.parent)) == ("c.txt", "a/b")

    def test_has_a_root_without_a_name(self) -> None:
        root = ArtifactPath(())

        assert (root.is_root, root.name, str(root), root.parent) == (True, "", "", root)

    @pytest.mark.parametrize(
        ("path", "other", "expected"),
        [("a/b", "a", True), ("a/b/c", "a", True), ("ab", "a", False), ("a", "a", False), ("a", "a/b", False)],
    )
    def test_lies_below_whole_segments_only(self, path: str, other: str, expected: bool) -> None:
        assert ArtifactPath.parse(path).is_below(ArtifactPath.parse(other)) is expected

    def test_lies_below_the_root(self) -> None:
        assert ArtifactPath.parse("a").is_below(ArtifactPath(()))


class TestIsValidName:
    @pytest.mark.parametrize("name", ["a.txt", "100%", "模型"])
    def test_takes_a_name_that_could_have_been_put(self, name: str) -> None:
        assert is_valid_name(name)

    @pytest.mark.parametrize("name", ["", "..", "a/b", "a\udc80", "a\nb"])
    def test_refuses_a_name_that_could_not(self, name: str) -> None:
        assert not is_valid_name(name)
