"""The side layer: recalls what the pretrained encoder made of a text.

Fine-tuning makes the encoder good at our labels and worse at labels it has never seen. So beside
the tuned last layer stands another one, which begins as the pretrained last layer and learns, while
all others stay as they are, to give `general` as the pretrained encoder gave it; a linear read-out
adds what the means after some layers still know (side-tuning: Zhang et al. 2020).
"""

PREFIX = "side."
"""Before the side layer's weights, which are named like those of any layer."""
INPUT = 11
"""Number of the layer, from 1, whose states it reads."""
MEANS = (7, 9, 12)
"""Layers whose means the read-out adds to its own."""
READ, BIAS = "side.read.weight", "side.read.bias"
"""The read-out, [hidden, means x hidden] and [hidden]; the side layer's mean comes first."""
