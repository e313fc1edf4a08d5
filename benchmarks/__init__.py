"""Speed and accuracy beside peers; every figure in the docs comes from a command here."""
