"""The latent explorer: trained runs in the browser.

``explored`` says what a run offers, ``app`` serves it with FastAPI (the extra ``[app]``),
``standalone`` writes a page that needs no server, and ``static`` holds the page itself.
"""
