"""Code version: an asset function and everything first-party that it can reach, as one hash with named parts.

Reading order:

    source, installed   files as they were read; which of them are first-party
    model               what comes out: CodeVersion, CodePart, Widened
    normalise, folding, syntax  a syntax tree as canonical bytes, without what cannot matter
    names, binding, scope   what a piece of code takes from outside itself
    index               one file: functions, classes and module-level statements by place and name
    modules             what a name means: namespaces, imports, homes of names
    values, display     objects by value, canonically; and as short text
    walk                one node for everything that is reached, helped by
        functions, classes      one kind of unit each
        bindings, environment   module-level names, by value or by the statements that make them
        foreign, packages       code of other libraries, distributions
        dynamic, whole, effects what no name shows: eval, whole modules, settings of libraries
    components          hashes over a graph that has cycles
    closure             ``CodeFingerprinter``: it all put together

Nothing here runs user code, apart from importing what a function body imports.
"""
