"""Settings of the documentation build: ``python -m sphinx -W --keep-going -b html doc doc/_build/html``."""

import re
import sys
from importlib.metadata import metadata

import sknnk


def library_of(cls, name):
    """The library that a method comes from, from whichever of its classes."""
    home = next(base for base in cls.__mro__ if name in vars(base))
    return home.__module__.partition(".")[0]


def public_methods(module, objname):
    """Names of a class's methods, without those of metadata routing: nobody calls them by hand."""
    cls = getattr(sys.modules[module], objname)
    names = [name for name in dir(cls) if callable(getattr(cls, name, None)) and not name.startswith("_")]
    return cls, [name for name in names if not name.endswith("_request") and name != "get_metadata_routing"]


def methods_written_here(module, objname):
    """For the class template: the methods whose text is ours to show."""
    cls, names = public_methods(module, objname)
    return [name for name in names if library_of(cls, name) == "sknnk"]


def methods_from_elsewhere(module, objname):
    """For the class template: scikit-learn's, only named, as their text refers to a guide not built here."""
    cls, names = public_methods(module, objname)
    return [name for name in names if library_of(cls, name) == "sklearn"]


def repository():
    """Owner and name on GitHub, from the address of the source that pyproject.toml gives, if it gives one."""
    addresses = dict(line.split(", ", 1) for line in metadata("sknnk").get_all("Project-URL", []))
    found = re.fullmatch(r"https://github\.com/([^/]+)/([^/]+?)/?", addresses.get("Source", ""))
    return found.groups() if found else None


project = "sknnk"
author = "the sknnk developers"
copyright = "2026, the sknnk developers"
release = version = sknnk.__version__

# No intersphinx: the build fetches nothing, so that it gives the same answer on a train as in CI.
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # MathJax from the site itself, so that formulas need no other server
    "sphinx.ext.viewcode",  # the [source] links
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]

exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
suppress_warnings = ["config.cache"]  # the functions in autosummary_context cannot be pickled

autosummary_generate = True
autosummary_context = {
    "methods_written_here": methods_written_here,
    "methods_from_elsewhere": methods_from_elsewhere,
}
autodoc_typehints = "none"  # numpydoc's Parameters section already says the types, in words
numpydoc_show_class_members = False  # the class template lists the methods, in its own way

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"benchmarks",
    "subsection_order": [f"../examples/{section}" for section in ("start", "tasks", "inside")],
    "within_subsection_order": "FileNameSortKey",
    "thumbnail_size": (600, 270),
    "abort_on_example_error": False,
    "download_all_examples": False,
    "backreferences_dir": "generated/backreferences",  # which examples use what, for the pages of the API
    "doc_module": ("sknnk",),
    "show_memory": False,
    "write_computation_times": False,
    "remove_config_comments": True,
    "capture_repr": ("_repr_html_",),  # what print says and pictures of estimators, but no Text(0.5, 1.0, 'title')
}

highlight_language = "none"  # a block without a language is a command or an output
html_theme = "pydata_sphinx_theme"
toc_object_entries_show_parents = "hide"  # names of classes are too long for the margin
html_title = f"sknnk {release}"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}  # the theme reports an error to the browser without it
html_sidebars = {page: [] for page in ("index", "notes/accuracy", "notes/libraries")}  # wide tables need the place
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 5,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
if repository():
    owner, name = repository()
    html_context |= {"github_user": owner, "github_repo": name, "github_version": "main", "doc_path": "doc"}
    html_theme_options |= {"github_url": f"https://github.com/{owner}/{name}", "use_edit_page_button": True}

# Prompts and printed output are not copied.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def without_edit_button(app, pagename, templatename, context, doctree):
    """Leave the button out on pages that the build writes: there is no such file to edit."""
    if pagename.startswith(("generated/", "auto_examples/")):
        context["theme_use_edit_page_button"] = False


def setup(app):
    """Connect it."""
    app.connect("html-page-context", without_edit_button)
