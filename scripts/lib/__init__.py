"""The modules behind scripts/greenbench; standard library only."""
