"""Jenkins' junit plugin as a model: what it will make of files, before it has them, and what it says of builds it has."""
