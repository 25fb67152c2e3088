"""Keras 3: networks, training, and the bundle that the pipeline scores with. Imports no Beam."""
