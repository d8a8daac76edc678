"""`kerasdnn serve`: answer requests for predictions over HTTP.

`requests` checks the rows of a request against the columns of a model, `openapi` describes them,
`service` answers the body of a request, `app` is the ASGI application around it, and `server` runs
it with uvicorn. Nothing in a request is executed: JSON is data.
"""
