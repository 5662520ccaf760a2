"""Runs made known to others: a Jenkins they did not run in, the Jenkins they did, or a folder.

:mod:`.api` is the contract, :mod:`.publication` what is told of a run, :mod:`.archive` which of its files go along, :mod:`.targets`
chooses by what was asked for and where we are. :mod:`.jenkins` is the client of Jenkins, which ``harness jenkins`` uses as well.
"""
