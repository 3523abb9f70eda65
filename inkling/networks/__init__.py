"""The networks that are trained.

`architectures` holds those of PyTorch, by name; `scratch` the one from first principles, in NumPy
alone; `custom` loads a user's own from a file. Nothing is imported here, so that `scratch` needs
no PyTorch.
"""
