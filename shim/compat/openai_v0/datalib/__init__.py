"""Libraries for data, used where they are there: numpy and pandas.

Names as in openai 0.28.1.
"""
