"""Our ES modules, joined into one script for each page."""

import pytest

from portal.joined_modules import join


def joined(**modules: str) -> str:
    """Return ``page.js`` with what it imports."""
    return join("page.js", lambda name: modules[name.removesuffix(".js")])


class TestJoin:
    def test_puts_what_is_imported_before_it_is_used_and_once(self) -> None:
        script = joined(
            page='import { b } from "./b.js";\nimport { a as first } from "./a.js";\nb(first);\n',
            a="const hidden = 1;\nexport const a = hidden;\n",
            b='import { a } from "./a.js";\nexport async function b() { return a; }\n',
        )

        assert script == (
            "const module_a = (() => {\nconst hidden = 1;\nconst a = hidden;\nreturn { a };\n})();\n"
            "const module_b = (() => {\n"
            "const { a } = module_a;\nasync function b() { return a; }\nreturn { b };\n})();\n"
            "const { b } = module_b;\nconst { a: first } = module_a;\nb(first);\n"
        )

    def test_leaves_apart_what_every_page_has(self) -> None:
        script = joined(
            page='import { isTyping } from "./frame.js";\nimport { a } from "./a.js";\n',
            a='import { announce } from "./frame.js";\nexport class a {}\n',
        )

        assert script.startswith('import * as module_frame from "./frame.js";\n')
        assert script.count("frame.js") == 1

    def test_leaves_what_a_script_exports_and_imports_by_need(self) -> None:
        text = 'export function draw() { return import("./other.js"); }\n'

        assert joined(page=text) == text

    @pytest.mark.parametrize(
        "line",
        [
            'import all from "./a.js";',
            'import * as a from "./a.js";',
            'import "./a.js";',
            'import { a } from "elsewhere";',
            "export default 1;",
            "export { a };",
            "export let a = 1;",
        ],
    )
    def test_refuses_what_it_does_not_understand(self, line: str) -> None:
        with pytest.raises(ValueError, match=r"a\.js: .* cannot be joined"):
            joined(page='import { a } from "./a.js";\n', a=f"{line}\n")

    def test_refuses_a_circle_and_names_it(self) -> None:
        with pytest.raises(ValueError, match=r"page\.js -> a\.js -> page\.js"):
            joined(page='import { a } from "./a.js";\n', a='import { b } from "./page.js";\nexport const a = b;\n')
