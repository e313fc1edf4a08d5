"""The rules of reads, pure: life cycle as a transition table, disagreement of two readers."""
