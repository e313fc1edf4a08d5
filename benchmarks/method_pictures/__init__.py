"""The pictures of docs/method.md: what the real kernels find on the way, on synthetic heads.

``python -m benchmarks.method_pictures [NAME ...]`` writes ``docs/images/method-*.png``. Nothing is
drawn that a kernel has not returned; known infarcts are shown where the method fails.
"""
