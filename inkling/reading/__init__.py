"""A bundle reads: by ONNX Runtime or by NumPy, without PyTorch.

`reader.Reader` reads with a bundle, `answers` says a reading in plain values, `bundle` is the
folder of a trained model, `registry` knows which bundles are here and which is served. Nothing is
imported here, so that a bundle's card can be read without ONNX Runtime.
"""
