"""Every kind of file that may lie under OUT, read for its texts.

Each file is read here anew, not by what wrote it: the audit trusts no writer.
"""
