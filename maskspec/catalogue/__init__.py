"""What is said and expected: implementations, releases, claims, cases, pages, sources.

Nothing here imports a framework or numpy.
"""
