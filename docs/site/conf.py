"""How Sphinx makes the site: `scripts/docs` calls it with the root of the project as its source.

The pages are read where they stand, so that the links between them are the same here and on any
other view of the files. Nothing is fetched, neither to build the site nor to read it.
"""

import ast
import os
import re
import sys
import textwrap
import tomllib
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from PIL import Image
from sphinx import addnodes
from sphinx.util.docutils import SphinxRole

for name, value in {
    "CUDA_VISIBLE_DEVICES": "-1",
    "MPLBACKEND": "Agg",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}.items():
    os.environ.setdefault(name, value)

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import notebooks  # noqa: E402

project = "kerasdnn"
release = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
version = release

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
root_doc = "docs/site/index"
include_patterns = [
    "README.md",
    "README.ko.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "RELEASING.md",
    "docs/*.md",
    "docs/site/**.md",
    "recipes/README.md",
    "recipes/README.ko.md",
]
exclude_patterns = [  # folders that Sphinx need not even walk through
    ".*", "build", "docs/_site", "kerasdnn", "out", "scripts", "shared", "site", "tests",
]  # fmt: skip

# ------------------------------------------------------------ pages
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]
myst_dmath_allow_space = False  # "costs $5 or $6" is not a formula
myst_fence_as_directive = ["math"]  # ```math, which GitHub typesets, too
html_math_renderer = "mathml"

# ------------------------------------------------------------ docstrings
default_role = "named"
autodoc_inherit_docstrings = False  # what only Keras or scikit-learn says is read there
autodoc_member_order = "bysource"
autodoc_typehints = "none"
smartquotes_action = "D"  # dashes alone: what stands in quotes is to be typed as it is
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = [
    "Reference", ("Attributes", "params_style"), ("Call arguments", "params_style"),
]  # fmt: skip
python_maximum_signature_line_length = 88
# `--nitpicky` is for the links in pages and for roles spelt out. In docstrings, backticks hold
# code of any kind, and types are in plain words.
nitpick_ignore_regex = [("py:.*", ".*")]

# ------------------------------------------------------------ looks
html_theme = "furo"
html_title = f"kerasdnn {release}"
html_extra_path = ["start"]  # index.html, which leads to the start page
html_static_path = ["style"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "native"
toc_object_entries_show_parents = "hide"


class Named(SphinxRole):
    """Backticks in a docstring: a link where they hold a name the site knows, code elsewhere."""

    def run(self):
        code = nodes.literal(self.text, self.text)
        if not re.fullmatch(r"[A-Za-z_][\w.]*", self.text):
            return [code], []
        link = addnodes.pending_xref(
            self.rawtext,
            code,
            refdomain="py",
            reftype="obj",
            reftarget=self.text,
            refdoc=self.env.docname,
            refexplicit=True,
            refwarn=False,
            **{key: self.env.ref_context.get(key) for key in ("py:module", "py:class")},
        )
        if self.text[0].isupper():
            link["refspecific"] = True  # a class is found in whatever module it is
        self.set_source_info(link)
        return [link], []


def read_docstring(app, what, page_name, thing, options, lines):
    """Google's sections go on to napoleon; indented code is marked as code, in place."""
    if page_name == "kerasdnn.HEADS":
        lines[:] = table_of_heads(thing)
    else:
        lines[:] = mark_code([escaped(line) for line in one_line_per_name(lines)])


def table_of_heads(heads):
    rows = [("problem", "output layer", "loss", "default metrics", "a row of y")]
    for problem, head in heads.items():
        layer = f"{head.units} x `{head.activation}`"
        metrics = ", ".join(f"`{name}`" for name in head.metrics)
        loss = getattr(head.loss, "__name__", head.loss)
        rows.append((f'`"{problem}"`', layer, f"`{loss}`", metrics, head.y))
    table = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        table += [f"   {'* ' if i == 0 else '  '}- {cell}" for i, cell in enumerate(row)]
    return ["What each kind of problem decides, by name.", "", *table, ""]


def one_line_per_name(lines):
    """A list of names that goes over the end of a line is put on one."""
    joined = []
    for line in lines:
        if joined and re.fullmatch(r" {4}\w+(, \w+)*,", joined[-1]):
            joined[-1] += " " + line.strip()
        else:
            joined.append(line)
    return joined


def escaped(line):
    """`classes_` outside backticks is a name, not a link of reStructuredText."""
    indent = re.match(r" {4}(?=\S)", line)
    field = re.match(r" {4}[\w*][\w*, ]*:", line) if indent else None
    head, tail = (line[: field.end()], line[field.end() :]) if field else ("", line)
    parts = tail.split("`")
    parts[::2] = [re.sub(r"(\w)_(?!\w)", r"\1\\_", part) for part in parts[::2]]
    return re.sub(r"(\w)_(?=,)", r"\1\\_", head) + "`".join(parts)


def mark_code(lines):
    found, section = [], False
    rest = list(lines)
    while rest:
        line = rest.pop(0)
        indented = line.startswith("    ")
        if line and not indented:
            section = bool(re.fullmatch(r"[A-Z][a-z]+:", line))
        if line in ("Example:", "Examples:"):
            found += [line, *code(take_indented(rest), "    ")]
        elif line == "References:":
            found += [line, *(f"    | {source.strip()}" for source in take_indented(rest)), ""]
        elif indented and not section and (not found or not found[-1]):
            found += code([line, *take_indented(rest)], "")
        else:
            found.append(line)
    return found


def take_indented(rest):
    taken = []
    while rest and (not rest[0] or rest[0].startswith("    ")):
        taken.append(rest.pop(0))
    return taken


def code(lines, indent):
    text = textwrap.dedent("\n".join(lines)).strip("\n").replace("\\_", "_")
    try:
        ast.parse(text)
        language = "python"
    except SyntaxError:
        language = "text"
    block = [f".. code-block:: {language}", "", *textwrap.indent(text, "    ").splitlines(), ""]
    return [indent + line if line else line for line in block]


def skip_member(app, what, name, thing, skip, options):
    """What a class has from Keras or scikit-learn is read there."""
    foreign = not (getattr(thing, "__module__", None) or "kerasdnn").startswith("kerasdnn")
    return True if foreign or re.fullmatch(r"set_\w+_request", name) else None


def formula(writer, node):
    """A formula as MathML, which browsers typeset themselves, without scripts or fonts."""
    block = isinstance(node, nodes.math_block)
    text = tex2mathml(node.astext(), as_block=block)
    thin = '<mspace width="0.1667em"></mspace>'  # which TeX puts around the name of a function
    text = re.sub(r"(<mi>(?:log|exp)</mi>)(?!\s*<mo[^>]*>\()", rf"{thin}\1{thin}", text)
    text = re.sub(r"(<mi>(?:log|exp)</mi>)(?=\s*<mo[^>]*>\()", rf"{thin}\1", text)
    writer.body.append(f'<div class="math">{text}</div>' if block else text)
    raise nodes.SkipNode


def add_short_anchors(app, doctree):
    """`kerasdnn.mish` leads to `kerasdnn.activations.mish`: pages of sources link to both."""
    for signature in doctree.findall(addnodes.desc_signature):
        if signature.get("module", "").startswith("kerasdnn."):
            signature["ids"].append(f"kerasdnn.{signature['fullname']}")


def mark_wide_pictures(app, doctree):
    """On a narrow screen, pictures scroll that would otherwise be shrunk until unreadable."""
    for picture in doctree.findall(nodes.image):
        file = ROOT / picture["uri"]
        if file.suffix == ".png" and file.is_file():
            with Image.open(file) as image:
                if image.width > 1000:
                    picture["classes"].append("widest")
                elif image.width > 740:
                    picture["classes"].append("wide")


def tell_language(app, page, template, context, doctree):
    if page.endswith(".ko"):
        context["language"] = "ko"


def setup(app):
    app.add_role("named", Named())
    app.add_html_math_renderer("mathml", (formula, None), (formula, None))
    app.connect("autodoc-process-docstring", read_docstring, priority=400)  # before napoleon
    app.connect("autodoc-skip-member", skip_member)
    app.connect("builder-inited", lambda app: notebooks.write(ROOT / "docs/site/notebooks"))
    app.connect("doctree-read", add_short_anchors)
    app.connect("doctree-read", mark_wide_pictures)
    app.connect("html-page-context", tell_language)
