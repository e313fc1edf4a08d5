"""Received bytes to identified series and decoded stacks: the pydicom door."""
