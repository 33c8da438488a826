"""How pages are filled: everything is escaped, and a name that is missing is an error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from slashspan.errors import ConfigurationError

if TYPE_CHECKING:
    import jinja2

_CODE: Final = re.compile("`([^`]*)`")


def environment(*packages: str) -> jinja2.Environment:
    """The templates of this package, after those of `packages`. Raises ConfigurationError without jinja2."""
    try:
        import jinja2
    except ImportError:
        raise ConfigurationError("pages need jinja2: pip install 'slashspan[charts]'") from None
    loaders = [jinja2.PackageLoader(package) for package in (*packages, "slashspan.insights.pages")]
    made = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["marked"] = _marked
    return made


def _marked(text: str) -> Any:
    """The little Markdown that definitions have, as HTML: `code`."""
    from markupsafe import Markup, escape

    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped
