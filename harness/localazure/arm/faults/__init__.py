"""Faults on request: what the public cloud does on bad days. :mod:`.api` has the contract, :mod:`.kinds` what there is."""
