"""Colours of every picture, without the libraries that draw them."""

# Petroff 2021, arXiv:2107.02270: ten colours that colour-blind readers can tell apart.
CLASS_COLORS = [
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
]  # fmt: skip
