"""The known attacks, replayed: with the controls off, then on, with how many people each one got.

Who attacks (`attackers*.py`) uses the public client, a stolen database login or stolen files, and nothing of ours
beyond that. The other modules set the stage: a home with fictional people, and the register as it was.
"""
