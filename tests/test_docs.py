"""The site holds every page and every public name, and is built without a warning."""

import ast
import html
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "docs" / "site"
DOCUMENTED = re.compile(r"^\.\. auto\w+:: (kerasdnn[\w.]*)", re.MULTILINE)


def public_names():
    """What `kerasdnn/__init__.py` lists, but for what is documented as a module."""
    tree = ast.parse((ROOT / "kerasdnn" / "__init__.py").read_text("utf-8"))
    nodes = [node for node in tree.body if isinstance(node, ast.Assign)]
    values = {node.targets[0].id: node.value for node in nodes}
    modules = {"plots", "graphs", "nn", "__version__"}
    return sorted({*ast.literal_eval(values["__all__"])} - modules)


def documented():
    """How many times the pages of the reference document each object."""
    pages = (SITE / "api").glob("*.md")
    return Counter(name for page in pages for name in DOCUMENTED.findall(page.read_text("utf-8")))


def pages_in_the_contents(page):
    """The files that the tables of contents of `page` name, and of those in turn."""
    found = set()
    text = page.read_text("utf-8")
    for contents in re.findall(r"^```\{toctree\}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in contents.splitlines():
            if not line or line.startswith(":"):
                continue
            target = re.sub(r".*<(.*)>", r"\1", line)
            file = (page.parent / f"{target}.md").resolve()
            found |= {file} | (pages_in_the_contents(file) if file.is_file() else set())
    return found


@pytest.mark.parametrize("name", public_names())
def test_every_public_name_is_documented_on_one_page(name):
    assert documented()[f"kerasdnn.{name}"] == 1


def test_the_pictures_and_the_graphs_are_documented_as_modules():
    assert documented()["kerasdnn.plots"] == documented()["kerasdnn.graphs"] == 1


def test_nothing_is_documented_twice():
    assert [name for name, times in documented().items() if times > 1] == []


def test_every_page_is_in_the_table_of_contents():
    own = {*SITE.rglob("*.md")} - {SITE / "index.md"}
    pages = {*ROOT.glob("docs/*.md"), *ROOT.glob("*.md"), *ROOT.glob("recipes/*.md")}
    contents = pages_in_the_contents(SITE / "index.md")
    assert sorted(own | pages) == sorted(contents)


def test_every_link_of_the_sites_own_pages_leads_to_a_file():
    for page in SITE.rglob("*.md"):
        links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8"))
        assert [link for link in links if not (page.parent / link).exists()] == [], page


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for module in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(module)
    built = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--nitpicky", "--quiet"]
    command += ["--conf-dir", "docs/site", "--doctree-dir", str(built / "kept")]
    done = subprocess.run(
        [*command, ".", str(built / "site")],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return built / "site"


def test_the_site_is_built_without_a_warning_and_starts_at_its_index(site):
    start = (site / "index.html").read_text("utf-8")
    target = re.search(r'href="([^"]+)"', start)[1]
    assert (site / target).is_file()


def test_reading_the_site_asks_nothing_of_the_network(site):
    loads = re.compile(r"<(?:script|img|iframe|link)\b[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*")
    imports = re.compile(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^\s;)]*")
    for page in site.rglob("*.html"):
        assert loads.findall(page.read_text("utf-8")) == [], page
    for sheet in site.rglob("*.css"):
        assert imports.findall(sheet.read_text("utf-8")) == [], sheet


def test_every_link_of_the_site_leads_to_a_page_and_an_anchor(site):
    """Links within the site; Sphinx itself does not check links in tables of contents or HTML."""
    pages = {path: path.read_text("utf-8") for path in site.rglob("*.html")}
    anchors = {path: {*re.findall(r"\bid=\"([^\"]+)\"", text)} for path, text in pages.items()}
    broken = set()
    for path, text in pages.items():
        for link in re.findall(r"\b(?:href|src)=\"(?!\w+:|//)([^\"]+)\"", text):
            file, _, anchor = unquote(html.unescape(link)).partition("#")
            target = (path.parent / file.partition("?")[0]).resolve() if file else path
            known = anchors.get(target, set())
            if not target.exists() or (anchor and target in pages and anchor not in known):
                broken.add((str(path.relative_to(site)), link))
    assert not broken


def test_formulas_are_typeset_without_scripts(site):
    for name in ("docs/guide.en.html", "docs/guide.ko.html"):
        page = (site / name).read_text("utf-8")
        assert page.count("<math") > 25
        assert not re.search(r"<script[^>]*mathjax", page, re.IGNORECASE)
        assert "\\frac" not in page


def test_notebooks_can_be_downloaded(site):
    assert [*site.rglob("_downloads/**/concepts.ipynb")]


def test_the_reference_shows_arguments_errors_and_sources(site):
    page = (site / "docs" / "site" / "api" / "optimizers.html").read_text("utf-8")
    words = re.sub(r"<[^>]+>", "", page)
    for expected in ("Parameters", "Raises", "Sutskever et al.", "[source]", "weight_decay"):
        assert expected in words


def test_korean_pages_say_that_they_are_korean(site):
    for name in ("README.ko.html", "docs/guide.ko.html", "docs/howto.ko.html"):
        assert re.search(r"<html[^>]* lang=\"ko\"", (site / name).read_text("utf-8")), name
