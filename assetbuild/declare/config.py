"""``Config``: the typed settings of an asset, a pydantic model.

Importing this module imports pydantic (about 70 ms), so the package imports
it only when ``Config`` is asked for.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Config"]


class Config(BaseModel):
    """Base of an asset's settings. Values come from the project file, ``--config`` and ``--set``.

    Unknown keys are errors; instances are immutable. A field of type
    ``pydantic.SecretStr`` is hashed into the config version and never stored or shown.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
