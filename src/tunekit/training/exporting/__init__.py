"""Models in other tools' formats, each compared with the original before anybody gets it.

Nothing here is imported before a model is exported.
"""
