"""The key service: a process and a store apart, the only holder of keys.

Other rooms import `client` and `messages`, nothing else; everything behind them runs in the keeper's own
process.
"""
