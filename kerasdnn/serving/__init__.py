"""`kerasdnn serve`: answer requests for predictions over HTTP.

`requests` checks the rows of a request against the columns of a model, `openapi` describes them,
`predictions` makes a table of what a model predicts, `service` answers the body of a request, `app`
is the ASGI application around it, and `server` runs it with uvicorn; `mlflow_flavor` makes MLflow
models. Nothing in a request is executed: JSON is data.
"""
