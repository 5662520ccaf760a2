"""A client of Jenkins: python-jenkins underneath, and what it lacks around it.

What it lacks (read in 1.8.3): parameters go into the address, and so into access logs; a crumb is kept for ever; there is no file
parameter; 401, 403 and 500 are one exception, a refused connection is none of its own; nothing is tried again, nothing has a timeout,
nothing waits; a queue item that Jenkins has forgotten is an error; a log comes whole or not at all.

:mod:`.address` says where, :mod:`.connection` sends one request, :mod:`.patience` says how often and how long, :mod:`.job` is what a job
can be asked, :mod:`.trigger` makes one build out of one order, :mod:`.follow` stays with it to the end.
"""
