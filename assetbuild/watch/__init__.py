"""Watch: stay, and build what is stale when something that the graph reads has changed.

    files       what to watch: the files, folders and patterns that loading and planning read
    observe     events of the operating system, or polling; what they may have lost is found by comparing stamps
    changes     single events become one set of paths, once it is quiet
    moved       which assets a change touches: today's recipes and source versions against those of the last build
    cutoff      during a build: what has become obsolete, and is to be cut off
    loop        the one loop: wait, load, compare, build, report
    events      what there is to tell, beside the events of a build
    holders     one watcher for an asset
    health      a file and a port that say how it is
    automation  sensors, schedules and conditions: what is due

In: file events, the clock, keys, signals. Out: calls of ``Project.materialize``, and events for whoever shows them.
"""
