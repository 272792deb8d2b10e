"""Several machines: a catalogue searched in shards, files decoded and modelled elsewhere.

Dask's scheduler knows which workers there are, and its messages carry what is asked of them, over TLS or a private
network. A *head*, the service or a command, keeps its own view of the catalogue: what it is, how large, and the few
tracks that a search ends with. *Workers* hold shards: disjoint parts of the catalogue, by tracks, each an index of its
own, mapped from a folder or built from the store. They compare a snippet with all that they hold; the head puts their
answers together by the numbers that tracks have in its own view, so that a search says the same as on one machine, to
the last digit. Whatever no worker holds yet, the head compares itself while it is little.

Only plain values and arrays cross (``codec.py``); nothing is pickled, and Dask's own means of running code sent by
others are taken away (``engine.py``).
"""
