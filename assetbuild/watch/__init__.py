"""Watch: stay, and build what is stale when something that the graph reads has changed.

    files       what to watch: the files, folders and patterns that loading and planning read
    observe     events of the operating system, or polling; what they may have lost is found by comparing stamps
    changes     single events become one set of paths, once it is quiet
    moved       which assets a change touches: today's recipes and source versions against those of the last build
    cutoff      during a build: what has become obsolete, and is to be cut off
    intake      what a batch of changes means: loaded again and compared, it is owed a build
    builder     builds of what is owed or asked for, with workers that live on
    loop        the one loop: wait, take in, build, report
    wakeups     signals, and threads that have news, as something to wait on
    events      what there is to tell, beside the events of a build
    holders     one watcher for an asset
    health      a file and a port that say how it is
    automation  sensors, schedules, conditions and polled sources: what is due, what it asks for, what came of it
        entries, schedules    what there is, and when it is due
        ticker, evaluation    one tick; the user's function in a thread (printing keeps what it prints)
        requests, sensors     what is asked for, and whether it is new
        conditions            what ``on=`` leaves to be built
        journal, listing      the record of ticks; looking at it, and trying, from outside

In: file events, the clock, keys, signals. Out: calls of ``Project.materialize``, and events for whoever shows them.
"""
