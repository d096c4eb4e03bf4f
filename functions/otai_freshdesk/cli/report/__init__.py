"""`backtest` and `review`: past tickets in, a report out.

source (history, table) -> comparison -> evaluation -> document -> page
                              |
                           progress
"""
