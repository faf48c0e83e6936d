"""The networks of the course in PyTorch: one file a family, and what each must be measured against.

``pca``          what the best straight network does: axes, closed form, angles between subspaces (NumPy)
``cnn``          LeNet and residual networks
``autoencoder``  linear, deep, denoising and variational autoencoders

Importing ``coursekit.models`` itself loads none of them.
"""

__all__: list[str] = []
