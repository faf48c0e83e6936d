"""The networks of the course in PyTorch: one file a family, and what each must be measured against.

``pca``          what the best straight network does: axes, closed form, angles between subspaces (NumPy)
``cnn``          LeNet and residual networks
``autoencoder``  linear, deep, denoising and variational autoencoders
``gan``          generator and discriminator; ``stabilisers`` steady their game
``features``     the fixed network in whose features generators are judged
``efficientnet`` a network that ImageNet taught, with its weights
``transfer``     a new head on an old body: linear probe, freezing, a learning rate for each layer
``sampling``     the next token, drawn from a model's scores (NumPy)
``cells``        RNN, LSTM and GRU by hand, unrolled; how they must start to remember
``recurrent``    recurrent language models: teacher forcing, clipping, backpropagation through time in pieces, writing
``positions``    how attention is told what comes first: sinusoidal, learned, rotary
``attention``    the look-up in pieces: masks, heads, one layer; the weights can be seen
``seq2seq``      a sequence read by one recurrent network and written by another, with and without attention
``transformer``  a decoder-only transformer in the manner of GPT-2, with a cache of keys and values
``language``     a language model judges a text, and writes one
``translation``  the encoder-decoder transformer

Importing ``coursekit.models`` itself loads none of them.
"""

__all__: list[str] = []
