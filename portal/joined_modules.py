"""Our ES modules joined, so that a page's script is one request: what a bundler does, for the imports that we write.

A module becomes a function that is called once and returns what it exports. Two scripts of one page that import the
same module have it twice, so such a module keeps no state, or stays ``APART``.
"""

import re
from collections.abc import Callable

APART = "frame.js"
"""On every page by itself: were it in another script too, each key would be heard twice."""
IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+\.js)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (async function|function|class|const) (\w+)", re.MULTILINE)
OTHER = re.compile(r"^(?:import\b(?!\()|export\b).*", re.MULTILINE)


def join(name: str, read: Callable[[str], str]) -> str:
    """Return a module with all that it imports, in the order in which a browser would run them.

    :param read: returns the text of a module of the same folder by its name.
    :raises ValueError: if a module imports or exports in a way that is not understood here, or imports itself.
    """
    order: list[str] = []

    def visit(module: str, above: tuple[str, ...]) -> None:
        if module in above:
            raise ValueError(
                f"{module} imports itself: {' -> '.join([*above, module])}. Move what both need elsewhere."
            )
        for _, imported in IMPORT.findall(read(module)):
            if imported not in (*order, APART):
                visit(imported, (*above, module))
        order.append(module)

    visit(name, ())
    bodies = {module: IMPORT.sub(_binding, read(module)) for module in order}
    whole = bodies.pop(name)
    parts = [_as_function(module, body) for module, body in bodies.items()]
    _refuse_others(name, EXPORT.sub("", whole))
    if any(imported == APART for module in order for _, imported in IMPORT.findall(read(module))):
        parts.insert(0, f'import * as {_variable(APART)} from "./{APART}";\n')
    return "".join([*parts, whole])


def _binding(found: re.Match[str]) -> str:
    names, module = found.groups()
    return f"const {{ {names.strip().replace(' as ', ': ')} }} = {_variable(module)};\n"


def _as_function(name: str, body: str) -> str:
    exported = ", ".join(variable for _, variable in EXPORT.findall(body))
    body = EXPORT.sub(r"\1 \2", body)
    _refuse_others(name, body)
    return f"const {_variable(name)} = (() => {{\n{body}return {{ {exported} }};\n}})();\n"


def _refuse_others(name: str, body: str) -> None:
    if other := OTHER.search(body):
        raise ValueError(
            f'{name}: {other[0]!r} cannot be joined. Write `import {{ … }} from "./module.js";` on one line, and'
            " `export` before a function, a class or a const."
        )


def _variable(name: str) -> str:
    return f"module_{name.removesuffix('.js')}"
