"""The documentation site: `make docs`. Its root is the repository, so that the pages beside code are part of it."""

project = "Pacekeeper"
root_doc = "docs/index"
extensions = ["myst_parser"]
include_patterns = ["docs/*.md", "docs/*/*.md", "plugins/README.md", "plugins/pacekeeper-*/README.md", "*.md"]
exclude_patterns = [".*", "build", "src", "tests", "assets", "checks", "connectors"]

nitpicky = True
myst_heading_anchors = 4

html_theme = "furo"
html_title = "Pacekeeper"
html_static_path = ["static"]
html_css_files = ["wide.css"]
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False
