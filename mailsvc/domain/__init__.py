"""Pure rules and values of mailsvc: no clock, socket or database; standard library only.

Every instant is a ``float`` of Unix seconds (UTC), every length of time a ``float`` of seconds.
"""
