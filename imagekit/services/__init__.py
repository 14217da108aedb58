"""Daemons that imagekit needs: started when they do not run, shared while in use, stopped when the last user ends.

A small guard process owns each daemon. Every user holds a shared file lock (the lease), which the kernel drops even at
kill -9; when nobody holds it the guard stops the daemon. So nothing is left running, and two imagekits never collide.
"""
