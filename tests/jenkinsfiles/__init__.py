"""Jenkinsfiles, executed by the Groovy that Jenkins compiles them with, under a recorder that knows what Jenkins does with them."""
