"""An IO manager of our own: lists of rows, stored as CSV."""

import csv
from typing import Any

from assetbuild.fingerprint.data import file_version
from assetbuild.store.io import InputContext, IOManager, OutputContext, Written


class CsvIOManager(IOManager):
    """Stores a list of dicts of text as a CSV file; the rest (publish, restore, tamper checks) is inherited."""

    def __init__(self, delimiter: str = ",") -> None:
        self.delimiter = delimiter

    def write(self, context: OutputContext, value: Any) -> Written:
        """Write the rows, and report the version of the file: the same rows always give the same bytes."""
        if not isinstance(value, list) or not value or not all(isinstance(row, dict) for row in value):
            message = "the csv IO manager takes a list of dicts, at least one"
            raise TypeError(message)
        with context.path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(value[0]), delimiter=self.delimiter, lineterminator="\n")
            writer.writeheader()
            writer.writerows(value)
        return Written(data_version=file_version(context.path), extension="csv", rows=len(value))

    def load(self, context: InputContext) -> list[dict[str, str]]:
        """Read the rows again; every cell is text."""
        with context.path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter=self.delimiter))
