"""Models as transformers has them in stock: a head and its labels in the folder of the weights."""
