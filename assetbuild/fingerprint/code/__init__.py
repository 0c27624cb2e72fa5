"""Code version: an asset function and everything first-party that it can reach, as one hash with named parts.

Reading order:

    source       files as they were read; which files are first-party
    model        what comes out: CodeVersion, CodePart, Widened
    normalise    a syntax tree as canonical bytes, without what cannot matter
    scope        the names that a piece of code takes from outside itself
    index        one file: its functions, classes and module-level statements by place and name
    modules      what a name means: namespaces, imports, binding statements
    values       objects by value, canonically
    functions, classes, statements   one kind of unit each
    components   hashes over a graph that has cycles
    closure      the walk, and ``CodeFingerprinter``

Nothing here runs user code, apart from importing what a function body imports.
"""

from __future__ import annotations

from assetbuild.fingerprint.code.closure import CodeFingerprinter, undisturbed
from assetbuild.fingerprint.code.model import CodePart, CodeVersion, Widened
from assetbuild.fingerprint.code.source import SourceFile

__all__ = ["CodeFingerprinter", "CodePart", "CodeVersion", "SourceFile", "Widened", "undisturbed"]
