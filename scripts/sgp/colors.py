"""Ten colours that everybody can name, and the ways in which people write them.

All ten are used alike: no colour is likelier than another for any part, so a
colour question can't be answered from its options.
"""

SPELLINGS = {
    "red": ["red", "red", "crimson", "#f00", "#ff0000", "#e53935", "#c62828"],
    "orange": ["orange", "orange", "darkorange", "#fa0", "#ffa500", "#fb8c00", "#ff7043"],
    "yellow": ["yellow", "yellow", "gold", "#ff0", "#ffff00", "#fdd835", "#ffeb3b"],
    "green": ["green", "green", "limegreen", "#080", "#008000", "#43a047", "#2e7d32"],
    "blue": ["blue", "blue", "royalblue", "#00f", "#0000ff", "#1e88e5", "#1565c0"],
    "purple": ["purple", "purple", "indigo", "#808", "#800080", "#8e24aa", "#6a1b9a"],
    "pink": ["pink", "pink", "hotpink", "#f9c", "#ffc0cb", "#f06292", "#f48fb1"],
    "brown": ["brown", "brown", "sienna", "#840", "#8b4513", "#6d4c41", "#795548"],
    "black": ["black", "black", "#111", "#000", "#000000", "#212121", "#222222"],
    "gray": ["gray", "gray", "silver", "#888", "#808080", "#9e9e9e", "#757575"],
}
NAMES = list(SPELLINGS)
