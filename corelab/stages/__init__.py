"""One file per arrow of the data's way; stages never import each other."""
