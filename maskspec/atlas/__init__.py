"""What each layer of the public API does with a mask: subjects, aspects, and the facts they make.

Stands on the adapter alone, and knows neither pytest nor records.
"""
