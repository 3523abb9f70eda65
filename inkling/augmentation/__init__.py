"""Augmentation of training images, and the synthetic images that are mixed in with them.

`warp` shifts, rotates, scales and deforms. `corruptions` imitates bad pens, paper and cameras.
`handwriting` makes synthetic digits. `outliers` makes images that show no digit.
"""
