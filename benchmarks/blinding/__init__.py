"""Blinding put to the test: canaries planted in received files, and what anyone finds of them."""
