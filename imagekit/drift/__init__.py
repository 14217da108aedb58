"""Every night: does what is shipped still hold, what moved upstream, and who or what broke it."""
