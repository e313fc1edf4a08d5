"""Numpy in, numpy out: no paths, no logging, no settings objects; inputs stay unchanged.

Every image comes with axes (i, j, k) along right-left, back-front and foot-head, so that
slices lie along k and ``image[i]`` and its mirror lie on opposite sides of the head.
"""
