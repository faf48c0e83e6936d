"""A text becomes numbers before a model can read it; how it is cut into pieces decides what the model must learn.

``bags``        words and how often each occurs, in any order
``characters``  a text as a row of numbers and back: each character one
``byte_pairs``  the same with pieces of words, learned by joining frequent neighbours
``ngrams``      what comes next, by counting what came next before: modified Kneser-Ney
"""

from coursekit.text.bags import vocabulary, word_counts, words
from coursekit.text.byte_pairs import BPETokenizer, merge, most_frequent_pair
from coursekit.text.characters import CharTokenizer
from coursekit.text.ngrams import KneserNey

__all__ = [
    "BPETokenizer",
    "CharTokenizer",
    "KneserNey",
    "merge",
    "most_frequent_pair",
    "vocabulary",
    "word_counts",
    "words",
]
