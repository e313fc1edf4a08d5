"""Tables in the forms that statisticians' tools read: one sheet in, the bytes of a file out."""
