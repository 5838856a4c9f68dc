"""`pacekeeper new connector <name>`: a distribution of its own, whose conformance suite is green from the start."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from pacekeeper.errors import ConfigError, PluginError
from pacekeeper_app.cli.console import make_console

app = typer.Typer(help="Begin something of your own.", add_completion=False, no_args_is_help=True)

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_LONGEST_NAME = 40
#: `pacekeeper_<name>` is a package of Pacekeeper's own.
_OWN_PACKAGES = frozenset({"app", "assets", "checks", "connectors"})


@app.callback()
def new() -> None:
    """Begin something of your own."""


@app.command("connector")
def connector(
    name: Annotated[str, typer.Argument(help="What a site will write as its connector, such as acme or acme_ehr.")],
    folder: Annotated[
        Path | None, typer.Option(help="Where to put it. Default: ./pacekeeper-<name>.", show_default=False)
    ] = None,
    vendor: Annotated[str | None, typer.Option(help="The system's name, as people say it.", show_default=False)] = None,
    base_url: Annotated[str | None, typer.Option(help="Address of its API.", show_default=False)] = None,
    defaults: Annotated[bool, typer.Option("--defaults", help="Ask nothing.")] = False,  # noqa: FBT002 - typer
) -> None:
    """Write a distribution that adds one connector: package, synthetic records, simulator, conformance suite, CI.

    Its suite is green as it stands; what you change, and what is missing then, the suite says. It never writes into a
    folder that holds something already.
    """
    connector_name = checked_name(name)
    target = Path(f"pacekeeper-{connector_name.replace('_', '-')}") if folder is None else folder
    check_free(target)
    answers = {"vendor": vendor, "base_url": base_url}
    if not defaults and sys.stdin.isatty():
        answers |= {key: _asked(key, connector_name) for key, value in answers.items() if value is None}
    given = {key: value for key, value in answers.items() if value is not None}
    check_answers(given)
    written = render(connector_name, target, given)
    console = make_console()
    console.print(f"Wrote {len(written)} files to {target}:", soft_wrap=True, markup=False)
    for file in written:
        console.print(f"  {file}", soft_wrap=True, markup=False)
    console.print("\nNext:", f"  cd {target}", sep="\n", soft_wrap=True, markup=False)
    console.print('  pip install --editable ".[dev]"', "  python -m pytest", sep="\n", soft_wrap=True, markup=False)
    console.print("\nThe suite is green, for an API that is invented; README.md says what to change first.")


def checked_name(name: str) -> str:
    """A connector's name in lower_snake_case. Raises ConfigError for one that cannot be, or is taken."""
    from pacekeeper import registry

    found = name.strip().removeprefix("pacekeeper-").replace("-", "_")
    if not _NAME.fullmatch(found) or len(found) > _LONGEST_NAME:
        raise ConfigError(
            f"{name!r} cannot be a connector's name: write a letter, then at most {_LONGEST_NAME - 1} lower-case "
            "letters and digits, words parted by single underscores or hyphens, such as acme or acme_ehr"
        )
    if found in _OWN_PACKAGES:
        raise ConfigError(
            f"the package pacekeeper_{found} is Pacekeeper's own: choose another name, such as {found}_ehr"
        )
    taken = next((entry for entry in registry.available() if entry.name == found), None)
    if taken is not None:
        raise ConfigError(
            f"a connector {found!r} is installed already (distribution {taken.distribution} {taken.version}): choose "
            "another name, or uninstall that one"
        )
    return found


def check_free(target: Path) -> None:
    """Raise ConfigError where something is at the place already."""
    if target.is_dir():
        held = sorted(path.name for path in target.iterdir())
        if held:
            shown = ", ".join(held[:3]) + (f" and {len(held) - 3} more" if len(held) > 3 else "")
            raise ConfigError(f"{target} holds {shown} already, and is left as it is: name another place with --folder")
    elif target.exists() or target.is_symlink():
        raise ConfigError(f"{target} is no folder: name another place with --folder")


def check_answers(answers: dict[str, str]) -> None:
    """Raise ConfigError for what would not survive in the files it is written into."""
    for key, value in answers.items():
        if not value.strip() or not value.isprintable() or set(value) & set('"\\{}`'):
            option = f"--{key.replace('_', '-')}"
            raise ConfigError(
                f"{option} {value!r} cannot be written into code: leave out quotes, backslashes and braces"
            )
    base_url = answers.get("base_url")
    if base_url is not None and not re.fullmatch(r"https?://[^\s/]\S*", base_url):
        raise ConfigError(f"--base-url {base_url!r} is no address: write one such as https://acme.example/api")


def template_folder() -> Path:
    """The template: beside this package in an installation, in plugins/template of a checkout."""
    package = Path(__file__).resolve().parents[1]
    for candidate in (package / "template", package.parents[1] / "plugins" / "template"):
        if (candidate / "copier.yml").is_file():
            return candidate
    raise PluginError(
        connector="template", reason="this installation of Pacekeeper lacks it", fix="install Pacekeeper again"
    )


def render(name: str, target: Path, answers: dict[str, str]) -> list[str]:
    """Write the distribution of connector `name` into `target`; paths of the files, relative to it."""
    from importlib.metadata import version

    import copier
    from copier.errors import CopierError

    data = {"connector": name, "pacekeeper_version": ".".join(version("pacekeeper").split(".")[:2]), **answers}
    try:
        copier.run_copy(
            str(template_folder()), target, data=data, defaults=True, overwrite=False, unsafe=False, quiet=True
        )
    except (CopierError, OSError) as error:
        raise ConfigError(
            f"the connector cannot be written to {target} ({type(error).__name__}: {error}): correct that, or name "
            "another place with --folder"
        ) from error
    return sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())


def _asked(key: str, name: str) -> str:
    words = name.replace("_", " ").title().replace("Ehr", "EHR")
    question, proposed = {
        "vendor": ("The system's name, as people say it", words),
        "base_url": ("Address of its API", f"https://{name.replace('_', '-')}.example/api"),
    }[key]
    return str(typer.prompt(question, default=proposed))
