"""The template's files: names any system takes, few ifs, and facts that stand twice agree."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.rendering import ROOT, files_of_template

TEMPLATE = [path for path in files_of_template() if path.parts[0] == "template"]
JINJA = [path for path in TEMPLATE if path.suffix == ".jinja" and path.name != "uv.lock.jinja"]


def read(path: Path | str) -> str:
    return (ROOT / path).read_text("utf-8")


@pytest.mark.parametrize("path", files_of_template(), ids=str)
def test_a_path_is_legal_everywhere(path: Path) -> None:
    assert len(str(path)) <= 120
    assert not re.search(r'[<>:"|?*\\]', str(path))


def test_only_jinja_files_hold_jinja() -> None:
    for path in TEMPLATE:
        if path.suffix in {".py", ".toml", ".yaml", ".md"}:
            assert not re.search(r"\{\{ (package|project_name|task|target|repository) ", read(path)), path


@pytest.mark.parametrize("path", JINJA, ids=str)
def test_a_jinja_file_substitutes_something_and_branches_little(path: Path) -> None:
    text = read(path)
    assert "{{" in text, f"{path} need not be a template"
    assert text.count("{%") <= max(4, 0.05 * text.count("\n"))


def test_python_holds_no_jinja_but_the_package_name() -> None:
    for path in JINJA:
        if path.name.endswith(".py.jinja"):
            assert set(re.findall(r"\{\{.*?\}\}|\{%.*?%\}", read(path))) == {"{{ package }}"}, path


def test_make_runs_a_projects_scripts_by_their_shell() -> None:
    scripts = [path for path in TEMPLATE if path.parts[1] == "tools" and read(path).startswith("#!")]
    assert len(scripts) > 2
    for path in scripts:
        assert read(path).startswith("#!/bin/sh\n"), path
        named = f"tools/{path.name}"
        assert f"sh {named}" in read("template/Makefile")
        assert not re.search(rf"^(?:UV := |\t@?){named}", read("template/Makefile"), re.M), path


def test_a_projects_python_imports_nothing_that_windows_lacks() -> None:
    sources = [path for path in TEMPLATE if path.parts[1] == "src" and path.suffix == ".py"]
    assert len(sources) > 100
    for path in sources:
        found = re.search(r"^\s*(?:import|from) (fcntl|grp|pwd|resource|termios|uvloop)\b", read(path), re.M)
        assert found is None, f"{path}: {found and found[1]}"


def test_links_stay_inside_the_repository() -> None:
    for path in files_of_template():
        if (ROOT / path).is_symlink():
            assert (ROOT / path).resolve().is_relative_to(ROOT), path


def test_what_the_template_and_a_project_share_is_the_same() -> None:
    for name in ("tools/uv", ".editorconfig", ".gitattributes"):
        assert read(name) == read(f"template/{name}"), name


def test_every_project_dependency_has_a_floor_and_is_locked() -> None:
    project = tomllib.loads(
        read("template/pyproject.toml.jinja").replace("{{ package }}", "p").replace("{{ project_name }}", "p")
    )
    locked = tomllib.loads(read("template/uv.lock.jinja").replace("{{ project_name }}", "p"))
    names = {package["name"] for package in locked["package"]}
    for line in [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]:
        assert ">=" in line, line
        assert re.split(r"[\[>=<]", line)[0].lower() in names, line


@pytest.mark.parametrize("readme", ["README.md", "template/README.md.jinja"])
def test_every_make_target_a_readme_names_exists(readme: str) -> None:
    makefile = read("template/Makefile") + (read("Makefile") if readme == "README.md" else "")
    targets = set(re.findall(r"^([a-z-]+)%?:", makefile, re.M))
    for named in re.findall(r"`make ([a-z -]+?)`|^make ([a-z -]+?)(?:  | *#|$)", read(readme), re.M):
        for word in "".join(named).split():
            assert word in targets or any(word.startswith(t) and t.endswith("-") for t in targets), word


def test_the_version_is_the_changelogs_newest() -> None:
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    assert re.search(r"^## (\S+)", read("CHANGELOG.md"), re.M)[1] == version  # type: ignore[index]
    assert read("infra/VERSION").strip() == version


@pytest.mark.parametrize("path", JINJA, ids=str)
def test_no_file_imports_the_package_by_the_name_of_the_sample(path: Path) -> None:
    assert not re.search(r"\b(from|import) departures\.", read(path))


def test_pages_are_short() -> None:
    for path in files_of_template():
        if path.suffix == ".md" and "docs" in path.parts:
            assert read(path).count("\n") <= 60, path


def test_no_registry_host_or_leftover_stands_in_the_repository() -> None:
    for path in files_of_template():
        if (
            path.suffix in {".lock", ".parquet", ".png"}
            or path.name in {"uv.lock.jinja", "LICENSE"}
            or (ROOT / path).is_dir()
        ):
            continue
        text = read(path)
        for word in ("TO" + "DO", "FIX" + "ME", "python" + "hosted", "pypi" + ".org"):
            assert word not in text, f"{path}: {word}"
