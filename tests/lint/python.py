#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Python: it compiles, lines end at 120, no tabs, nothing is imported that is not used."""
import ast

from tree import files, finish, read

LINE = 120


def names_of(node):
    """(name in the file, line) of each import."""
    for alias in node.names:
        yield (alias.asname or alias.name).split(".")[0], node.lineno


def check_imports(path, tree, lines, problems):
    imported = {}
    used = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if getattr(node, "module", None) != "__future__":
                imported.update(names_of(node))
        elif isinstance(node, ast.Name):
            used.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            used.add(node.value)  # __all__, and annotations written as text
    for name, line in imported.items():
        if "noqa" in lines[line - 1] or path.endswith("/__init__.py"):
            continue  # imported for what importing does
        if name not in used and name != "*":
            problems.append(f"{path}:{line}: {name} is imported and not used")


def main():
    problems = []
    for path in files("*.py"):
        text = read(path)
        try:
            tree = ast.parse(text, path)
            compile(text, path, "exec", dont_inherit=True)
        except SyntaxError as error:
            problems.append(f"{path}:{error.lineno}: {error.msg}")
            continue
        check_imports(path, tree, text.split("\n"), problems)
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > LINE:
                problems.append(f"{path}:{number}: {len(line)} characters, {LINE} are the end")
            if "\t" in line:
                problems.append(f"{path}:{number}: a tab; indent by 4 spaces")
            if line != line.rstrip():
                problems.append(f"{path}:{number}: spaces at the end of the line")
    finish(problems)


main()
