"""Two recordings: what two clients, whichever they are, asked and got, held against each other.

Not the rungs over one recording (`wire_rung`, `tee_rung`), though requests are compared as the first does; nor calls made for the
comparison (`shadow_rung`), though answers are judged as those are. Nothing is sent, and no client is needed.
"""
